"""What belongs to another: rows of two visits that are told of as each other's, and people whom the HIS has otherwise."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

import pytest

from models.kernel.ids import new
from tests.auditor import Kind
from tests.auditor.hospital import AT, UNIT, Hospital
from tests.auditor.pharmacy import Pharmacy
from tests.auditor.wax import VAULT

ARRIVED: Final = ("requested", "cleared", "accepted", "arrived")
SWAPPED: Final[Mapping[str, str]] = {
    "place": "update revisit set claim_id = (select claim_id from revisit where id = $2) where id = $1",
    "charge": "update revisit set charge_id = (select charge_id from revisit where id = $2) where id = $1",
    "patient": "update revisit set patient_id = (select patient_id from revisit where id = $2) where id = $1",
    "patient of the place": "update booking set patient_id = (select patient_id from revisit where id = $2) where revisit_id = $1",
    "what is paid": "update charge set payable_id = $2 where visit_id = $1",
    "visit of the charge": "update charge set visit_id = $2 where visit_id = $1",
    "visit of the payment": "update payment set visit_id = $2 where visit_id = $1",
    "visit of the e-bill": "update invoice set visit_id = $2 where visit_id = $1",
    "file of the e-bill": "update invoice set file = (select file from invoice where visit_id = $2 limit 1) where visit_id = $1",
    "content of the e-bill": (
        "update invoice set file = left(file, -14) || (select right(file, 14) from invoice where visit_id = $2 limit 1) where visit_id = $1"
    ),
    "visit of the refund": "update refund set visit_id = $2 where visit_id = $1",
    "slot": "update revisit set slot_id = $2::uuid::text where id = $1",
    "doctor of the survey": "update survey set doctor_id = $2::uuid::text where revisit_id = $1",
}
"""By what is another visit's, how it came to be so: $1 is the visit, $2 the other."""
UNSAID: Final[Mapping[str, str]] = {
    "file": "update invoice set file = null where number is not null",
    "time of arrival": "update refund set arrived_at = null",
    "paid order, closed": "update charge_order set state = 'closed'",
    "paid order, open": "update charge_order set state = 'open'",
}


async def two(hospital: Hospital) -> tuple[UUID, UUID]:
    """Visits that took place, each given back in part."""
    visits = [await hospital.visit("closed") for _ in range(2)]
    for visit in visits:
        await hospital.given_back(visit, *ARRIVED, cause="management", fen=1000)
    await hospital.unguarded()
    assert await hospital.audit() == []
    return visits[0].id, visits[1].id


@pytest.mark.parametrize("statement", SWAPPED.values(), ids=SWAPPED)
async def test_it_is_another_visits(hospital: Hospital, statement: str) -> None:
    visit, other = await two(hospital)

    await hospital.do(statement, visit, other)

    assert Kind.ROW_WHOSE in await hospital.kinds()


@pytest.mark.parametrize("statement", UNSAID.values(), ids=UNSAID)
async def test_it_was_done_and_nothing_says_what(hospital: Hospital, statement: str) -> None:
    await two(hospital)

    await hospital.do(statement)

    assert await hospital.kinds() == {Kind.ROW_WHOSE}


async def test_who_opened_it_was_another(pharmacy: Pharmacy) -> None:
    hospital = pharmacy.hospital
    visit = await hospital.visit("closed")
    await hospital.do("update patient_binding set account_id = $1", pharmacy.accounts["doctor"])
    await hospital.do("update consent set account_id = $1", pharmacy.accounts["doctor"])
    await hospital.do("update revisit set account_id = $1", pharmacy.accounts["doctor"])

    [found] = [one for one in await hospital.audit() if one.kind is Kind.ROW_WHOSE]

    assert found.about == f"revisit={visit.id} line=revisit.open@0"


async def test_a_voucher_that_is_not_there(hospital: Hospital) -> None:
    await hospital.given_back(await hospital.visit("cancelled"), "requested", "cleared", "accepted", "stuck", "paid_out")
    assert await hospital.audit() == []

    await hospital.do("update refund set voucher = null")

    assert [(one.kind, one.theirs) for one in await hospital.audit()] == [(Kind.ROW_WHOSE, "a voucher")]


@pytest.mark.parametrize(
    "statement",
    [
        "update prescription set pharmacist_id = account_id",
        "update prescription set pharmacist_id = null",
        "update prescription set charge_id = (select charge_id from revisit limit 1)",
        "update prescription_content set account_id = (select account_id from revisit limit 1)",
        "update delivery set waybill = null",
        "update prescription set address_id = null",
        "update delivery_address set account_id = (select id from account where kind = 'staff' limit 1)",
    ],
    ids=("pharmacist", "no pharmacist", "charge", "writer", "waybill", "another address", "another's address"),
)
async def test_drugs_that_are_anothers(pharmacy: Pharmacy, statement: str) -> None:
    await pharmacy.prescription("delivered")
    assert await pharmacy.hospital.audit() == []

    await pharmacy.hospital.do(statement)

    assert Kind.ROW_WHOSE in await pharmacy.hospital.kinds()


async def test_a_parcel_is_sent_again_to_an_address_that_staff_gave_and_to_no_other_patients(pharmacy: Pharmacy) -> None:
    hospital = pharmacy.hospital
    await pharmacy.prescription("delivered")
    await hospital.do("update delivery set attempt = 1")
    await hospital.do("update delivery_address set account_id = $1", pharmacy.accounts["doctor"])
    await hospital.do("update prescription set address_id = null, delivery_id = null")
    assert Kind.ROW_WHOSE not in await hospital.kinds()

    await hospital.do("update account set kind = 'patient'")
    assert Kind.ROW_WHOSE in await hospital.kinds()

    await hospital.do("update patient_binding set account_id = $1", pharmacy.accounts["doctor"])
    assert not [one for one in await hospital.audit() if "address=" in one.about]


async def test_a_clinic_that_met_somebody_who_had_no_place_there(hospital: Hospital) -> None:
    visit, suspension_id = await hospital.visit("closed"), new()
    await hospital.insert("suspension", id=suspension_id, state="done", version=2, schedule_id=UNIT, policy="test-1")
    await hospital.moved("suspension", suspension_id, suspension_id, "looking", "clearing", "done")
    met = {"suspension_id": suspension_id, "revisit_id": visit.id, "outcome": "rearranged", "at": AT}
    await hospital.insert("suspension_visit", **met)
    await hospital.message(visit, "revisit_rearranged", state="failed")
    await hospital.do("update revisit set rearranged_at = $1", AT)
    assert Kind.ROW_WHOSE not in await hospital.kinds()

    await hospital.do("update suspension set schedule_id = 'another'")
    assert [one.ours for one in await hospital.audit() if one.kind is Kind.ROW_WHOSE] == ["no place there"]
    await hospital.do("update suspension set schedule_id = $1", UNIT)
    await hospital.do("delete from suspension_visit")
    assert [one.ours for one in await hospital.audit() if one.kind is Kind.ROW_WHOSE] == ["another time"]
    await hospital.do("update revisit set rearranged_at = null")
    assert [one.ours for one in await hospital.audit() if one.kind is Kind.ROW_WHOSE] == ["no other time"]


@pytest.mark.parametrize(
    "change",
    ["outcome = null", "outcome = 'x'", "process = 'charge'", "process_id = gen_random_uuid()", "id = gen_random_uuid()"],
    ids=("none", "no such one", "process", "row", "step"),
)
async def test_what_came_and_how_it_was_acted_on(hospital: Hospital, change: str) -> None:
    visit = await hospital.visit("closed")
    [line] = await hospital.wire.fetch("select id from timeline where process_id = $1 and after = 'closed'", visit.id)
    event_id = new()
    await hospital.do("alter table timeline disable trigger never_changed")
    await hospital.do("update timeline set step = $2 where id = $1", line["id"], str(event_id))
    came = {"process": "revisit", "process_id": visit.id, "kind": "stopped", "party": "suspension", "external_id": "1", "event": "{}"}
    await hospital.insert("inbox", id=event_id, handled_at=AT, outcome="done", **came)
    assert await hospital.audit() == []

    await hospital.do(f"update inbox set {change}")

    assert await hospital.kinds() == {Kind.ROW_WHOSE}


@pytest.mark.parametrize("column", ["name", "id_number"])
async def test_a_patient_whom_the_his_has_otherwise(hospital: Hospital, column: str) -> None:
    visit = await hospital.visit("closed")
    other = {"name": "别人", "id_number": visit.patient["id_number"][:14] + "0000"}[column]
    await hospital.do(f"update patient set {column} = $1", VAULT.seal(f"patient.{column}", visit.id, other))

    found = {one.kind: one.ours for one in await hospital.audit()}

    assert found[Kind.PATIENT_DIFFERS] == f"another {column.removeprefix('id_')}"
    assert (Kind.EBILL_DIFFERS in found) == (column == "name")


async def test_a_birth_date_and_cards_of_another(hospital: Hospital) -> None:
    await hospital.visit("closed")

    await hospital.do("update patient set birth_on = birth_on + 1")
    assert [one.ours for one in await hospital.audit()] == ["another birth date", "another birth"]
    await hospital.do("update patient set birth_on = birth_on - 1, his_ids = '[\"pat-x\"]'")
    assert {one.ours for one in await hospital.audit()} == {"a card", "a card at the HIS"}


@pytest.mark.parametrize(("key", "value"), [("payer", "别人"), ("patient_no", "another"), ("items", ["0201"])])
async def test_an_e_bill_for_another(hospital: Hospital, key: str, value: object) -> None:
    await hospital.visit("closed")
    hospital.outside.bills[0][key] = value

    assert await hospital.kinds() == {Kind.EBILL_DIFFERS}


async def test_a_doctor_and_a_bill_of_another_at_the_his(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    hospital.outside.encounters[0]["practitioner_id"] = "doc-2"
    assert await hospital.kinds() == {Kind.ENCOUNTER_DIFFERS}
    await hospital.do("update revisit set doctor_id = 'doc-2' where id = $1", visit.id)
    await hospital.do("update survey set doctor_id = 'doc-2' where revisit_id = $1", visit.id)
    hospital.outside.invoices[0]["patient_id"] = "pat-x"

    assert await hospital.kinds() == {Kind.BILL_DIFFERS}
