"""Messages that are owed: a move was made, and nobody was told."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from tests.auditor import Kind
from tests.auditor.hospital import AT, Hospital
from tests.auditor.pharmacy import PHONES, STAGES, Pharmacy
from tests.auditor.story import TOLD, stepped
from tests.auditor.wording import clock

ARRIVED = ("requested", "cleared", "accepted", "arrived")
HOUR = timedelta(hours=1)
OF_DRUGS: Mapping[str, tuple[str, ...]] = {
    "choosing": ("prescription_approved",),
    "expired": ("prescription_approved", "prescription_expired"),
    "ready": ("prescription_approved", "drugs_ready"),
    "shipping": ("prescription_approved", "delivery_sent"),
    "returned": ("prescription_approved", "delivery_failed"),
}
CASES = [(stage, template) for stage, templates in TOLD.items() for template in templates]


async def forgotten(hospital: Hospital, template: str) -> None:
    await hospital.do("delete from message where template = $1", template)


@pytest.mark.parametrize(("stage", "template"), CASES)
async def test_nobody_was_told_of_a_move(hospital: Hospital, stage: str, template: str) -> None:
    visit = await hospital.visit(stage)
    await forgotten(hospital, template)

    found = [one for one in await hospital.audit() if one.kind is Kind.MESSAGE_OWED]

    said = [(one.about, one.ours, one.theirs, one.visit) for one in found]
    assert said == [(f"visit={visit.id} template={template}", "0 messages", "1 owed", visit.id)]
    assert Kind.MESSAGE_OWED in await hospital.kinds(quiet=False)


async def test_who_was_called_twice_was_told_twice(hospital: Hospital) -> None:
    """Called, passed over, and called anew."""
    visit = await hospital.visit("consulting")
    await stepped(hospital, visit.id, "queue.pass_over", "consulting", "waiting")
    await stepped(hospital, visit.id, "queue.accept", "waiting", "consulting")

    [found] = await hospital.audit(standing={"revisit.consulting"})

    assert (found.kind, found.ours, found.theirs) == (Kind.MESSAGE_OWED, "1 messages", "2 owed")


async def test_a_draft_that_never_held_a_place_ends_without_a_word(hospital: Hospital) -> None:
    visit = await hospital.visit("booked")
    await hospital.do("alter table timeline disable trigger never_changed")
    await hospital.do("update timeline set after = 'cancelled' where process_id = $1 and before = 'choosing'", visit.id)
    await forgotten(hospital, "revisit_booked")
    await hospital.do("delete from timeline where process_id = $1 and before not in ('checking', 'consenting', 'choosing')", visit.id)

    assert Kind.MESSAGE_OWED not in await hospital.kinds()


async def test_whom_nobody_accepted_is_told_that_it_is_cancelled(hospital: Hospital) -> None:
    """No doctor sent them elsewhere: the time did."""
    visit = await hospital.visit("declined")
    await hospital.given_back(visit, *ARRIVED)
    await hospital.do("alter table timeline disable trigger never_changed")
    await hospital.do('update timeline set "by" = null where process_id = $1 and version > 0', visit.id)
    await hospital.do("alter table audit disable trigger never_changed")
    await hospital.do("delete from audit where action = 'revisit.step'")

    assert await hospital.kinds() == {Kind.MESSAGE_OWED, Kind.MESSAGE_UNOWED}
    await forgotten(hospital, "revisit_declined")

    assert await hospital.kinds() == {Kind.MESSAGE_OWED}

    await hospital.message(visit, "revisit_cancelled")
    assert await hospital.audit() == []


@pytest.mark.parametrize("end", ["arrived", "paid_out"])
async def test_money_came_back_and_nobody_said_so(hospital: Hospital, end: str) -> None:
    states = ("requested", "cleared", "accepted", *(("stuck",) if end == "paid_out" else ()), end)
    await hospital.given_back(await hospital.visit("cancelled"), *states)
    await forgotten(hospital, f"refund_{end}")

    assert await hospital.kinds() == {Kind.MESSAGE_OWED}


async def test_money_that_nobody_wanted_goes_back_and_nobody_said_so(hospital: Hospital) -> None:
    """Of money for an order that nobody knows there is nobody to tell."""
    stray = await hospital.unwanted(None, "unknown_order")
    await hospital.given_back(None, "cleared", "accepted", "arrived", payment_id=stray, cause="unknown_order")
    assert await hospital.audit() == []
    visit = await hospital.visit("closed")
    payment_id = await hospital.unwanted(visit, "second")
    await hospital.given_back(visit, "cleared", "accepted", "arrived", payment_id=payment_id, cause="second")
    await forgotten(hospital, "refund_requested")

    assert await hospital.kinds() == {Kind.MESSAGE_OWED}


@pytest.mark.parametrize(("stage", "template"), [(stage, one) for stage, templates in OF_DRUGS.items() for one in templates])
async def test_nobody_was_told_of_their_drugs(pharmacy: Pharmacy, stage: str, template: str) -> None:
    prescription = await pharmacy.prescription(stage)
    if stage == "returned":
        await pharmacy.hospital.given_back(prescription.money, *ARRIVED, cause="returned")
    await forgotten(pharmacy.hospital, template)

    standing = {f"prescription.{STAGES[stage].moves[-1]}", "delivery.picked_up"}
    [found] = await pharmacy.hospital.audit(standing=standing)

    assert (found.kind, found.about) == (Kind.MESSAGE_OWED, f"visit={prescription.money.id} template={template}")


async def test_a_parcel_without_a_number_to_look_for(pharmacy: Pharmacy) -> None:
    await pharmacy.prescription("shipping")
    await forgotten(pharmacy.hospital, "delivery_sent")
    await pharmacy.hospital.do("update delivery set waybill = null")

    found = await pharmacy.hospital.audit(standing={"prescription.shipping", "delivery.picked_up"})

    assert [one.kind for one in found] == [Kind.ROW_WHOSE], "which is told, and no message is owed of it"


async def test_each_prescription_is_told_of(pharmacy: Pharmacy) -> None:
    visit = await pharmacy.hospital.visit("closed")
    for _ in range(2):
        await pharmacy.prescription("choosing", visit)
    await pharmacy.hospital.do("delete from message where id in (select id from message where template = 'prescription_approved' limit 1)")

    [found] = await pharmacy.hospital.audit(standing={"prescription.choosing"})

    assert (found.kind, found.ours, found.theirs) == (Kind.MESSAGE_OWED, "1 messages", "2 owed")


@pytest.mark.parametrize(
    ("name", "states", "columns", "template"),
    [
        ("queue.remind", ("consulting", "consulting"), {"slot_starts_at": AT.replace(hour=10)}, "revisit_reminder"),
        ("queue.remind", ("consulting", "consulting"), {"slot_starts_at": AT}, None),
        ("queue.call_again", ("consulting", "consulting"), {}, "revisit_called_again"),
        ("queue.urge", ("consulting", "consulting"), {}, "clinic_waiting"),
        ("queue.urge", ("consulting", "consulting"), {"doctor_id": None}, None),
        ("booking.rearrange", ("consulting", "consulting"), {"rearranged_at": AT}, "revisit_rearranged"),
    ],
    ids=("before the slot", "after it", "called again", "urged", "urged without a doctor", "rearranged"),
)
async def test_a_step_that_leaves_the_visit_where_it_is(
    pharmacy: Pharmacy, name: str, states: tuple[str, str], columns: dict[str, Any], template: str | None
) -> None:
    hospital = pharmacy.hospital
    await hospital.do("update doctor set account_id = $1", pharmacy.accounts["doctor"])
    visit = await hospital.visit("consulting")
    for column, value in columns.items():
        await hospital.do(f"update revisit set {column} = $2 where id = $1", visit.id, value)
        if column == "slot_starts_at":
            await hospital.message(visit, "revisit_booked", params={"time": clock(value) or "", "department": "呼吸科"})
    await stepped(hospital, visit.id, name, *states)

    found = await hospital.audit(standing={"revisit.consulting"})

    assert [one.about for one in found if one.kind is Kind.MESSAGE_OWED] == ([f"visit={visit.id} template={template}"] if template else [])


async def test_staff_are_told_where_there_is_somebody(pharmacy: Pharmacy) -> None:
    """A prescription came back to a doctor, a parcel to the pharmacy."""
    hospital = pharmacy.hospital
    prescription = await pharmacy.prescription("returned")
    await hospital.given_back(prescription.money, *ARRIVED, cause="returned")
    await hospital.do("alter table timeline disable trigger never_changed")
    await hospital.do("update timeline set after = 'returned' where process = 'prescription' and after = 'queued'")
    await hospital.do("update timeline set before = 'returned' where process = 'prescription' and before = 'queued'")
    assert await hospital.audit() == []
    await hospital.do("update doctor set account_id = $1", pharmacy.accounts["doctor"])
    await hospital.do("update revisit set doctor_id = 'doc-1'")
    await hospital.insert("account_grant", account_id=pharmacy.accounts["pharmacist"], role="pharmacist")

    found = await hospital.audit()

    assert {one.about.rpartition("=")[2] for one in found} == {"prescription_returned", "delivery_waiting"}
    assert {one.kind for one in found} == {Kind.MESSAGE_OWED}


@pytest.mark.parametrize(("enlisted_at", "owed"), [(-HOUR, 1), (HOUR, 0), (timedelta(), 0)], ids=("before", "after", "that moment"))
async def test_a_doctor_is_told_who_was_there(pharmacy: Pharmacy, enlisted_at: timedelta, owed: int) -> None:
    """What came back before its doctor had an account, nobody was told."""
    hospital, doctor = pharmacy.hospital, pharmacy.accounts["doctor"]
    await pharmacy.prescription("withdrawn")
    await hospital.do("alter table timeline disable trigger never_changed")
    await hospital.do("update timeline set after = 'questioned' where process = 'prescription' and after = 'withdrawn'")
    await hospital.do("update prescription set state = 'questioned'")
    await hospital.do("update doctor set account_id = $1", doctor)
    await pharmacy.enlisted("doctor", AT + enlisted_at, "doctor")

    found = await hospital.audit(standing={"prescription.questioned"})

    assert [one.about.rpartition("=")[2] for one in found if one.kind is Kind.MESSAGE_OWED] == ["prescription_returned"] * owed


@pytest.mark.parametrize(("given_at", "owed"), [(-HOUR, 1), (HOUR, 0), (timedelta(), 1)], ids=("before", "after", "that moment"))
async def test_an_office_is_told_once_somebody_has_it(pharmacy: Pharmacy, given_at: timedelta, owed: int) -> None:
    hospital = pharmacy.hospital
    prescription = await pharmacy.prescription("returned")
    await hospital.given_back(prescription.money, *ARRIVED, cause="returned")
    await pharmacy.enlisted("pharmacist", AT + given_at, "pharmacist")

    found = await hospital.audit()

    assert [(one.kind, one.about.rpartition("=")[2]) for one in found] == [(Kind.MESSAGE_OWED, "delivery_waiting")] * owed


async def test_an_office_that_was_taken_away_was_told_before(pharmacy: Pharmacy) -> None:
    hospital = pharmacy.hospital
    prescription = await pharmacy.prescription("returned")
    await hospital.given_back(prescription.money, *ARRIVED, cause="returned")
    await pharmacy.enlisted("pharmacist", AT - HOUR, "pharmacist")
    await pharmacy.enlisted("pharmacist", AT + HOUR, "finance")

    assert [one.about.rpartition("=")[2] for one in await hospital.audit()] == ["delivery_waiting"]

    await hospital.message(prescription.money, "delivery_waiting", phone=PHONES["pharmacist"])

    assert await hospital.audit() == []


async def test_the_carrier_refused_a_message_for_what_it_is(hospital: Hospital) -> None:
    """That a phone gets no more today is weather; that its number is none is not."""
    await hospital.message(None, "sign_in_code", state="failed")
    assert await hospital.audit() == []
    await hospital.message(None, "sign_in_code", state="failed", failure="sms.isv.MOBILE_NUMBER_ILLEGAL")

    [found] = await hospital.audit()

    assert (found.kind, found.ours) == (Kind.MESSAGE_REFUSED, "failed: sms.isv.MOBILE_NUMBER_ILLEGAL")
