"""To whom a message goes: each to the phone of whom it is for, and no phone is told."""

from datetime import datetime, timedelta

import pytest

from models.kernel.ids import new
from tests.auditor import Kind
from tests.auditor.finding import told
from tests.auditor.hospital import AT, Hospital
from tests.auditor.pharmacy import PHONES, Pharmacy
from tests.auditor.story import PHONE, stepped
from tests.auditor.wax import Plain

OTHER = "13800000001"
HOUR = timedelta(hours=1)


async def test_a_patient_was_told_of_anothers_visit(hospital: Hospital) -> None:
    """Of all patients: message and carrier agree, and it is the wrong one all the same."""
    visit = await hospital.visit("booked")
    await hospital.insert("account", id=new(), kind="patient", phone=Plain(OTHER), phone_bidx=OTHER.encode())
    message_id = await hospital.message(visit, "revisit_booked", phone=OTHER)

    found = [one for one in await hospital.audit(quiet=False) if one.kind.family == "message"]

    assert [(one.kind, one.about, one.visit) for one in found] == [
        (Kind.MESSAGE_WHOM, f"message={message_id} template=revisit_booked", visit.id)
    ]
    assert "1380000000" not in told(found)


@pytest.mark.parametrize(
    ("template", "side", "kinds"),
    [
        ("clinic_waiting", "doctor", set[Kind]()),
        ("clinic_waiting", "pharmacist", {Kind.MESSAGE_WHOM}),
        ("clinic_waiting", "patient", {Kind.MESSAGE_WHOM}),
    ],
)
async def test_a_doctor_is_told_of_who_waits(pharmacy: Pharmacy, template: str, side: str, kinds: set[Kind]) -> None:
    hospital = pharmacy.hospital
    await hospital.do("update doctor set account_id = $1", pharmacy.accounts["doctor"])
    await hospital.insert("account_grant", account_id=pharmacy.accounts["pharmacist"], role="pharmacist")
    visit = await hospital.visit("waiting")
    await hospital.do("update revisit set doctor_id = 'doc-1'")
    await stepped(hospital, visit.id, "queue.urge", "waiting", "waiting")
    await hospital.message(visit, template, phone=(PHONES | {"patient": PHONE})[side])

    assert await hospital.kinds(standing={"revisit.waiting"}) == kinds


@pytest.mark.parametrize(("side", "kinds"), [("pharmacist", set[Kind]()), ("doctor", {Kind.MESSAGE_WHOM})])
async def test_an_office_is_told_of_drugs_that_nobody_fetches(pharmacy: Pharmacy, side: str, kinds: set[Kind]) -> None:
    await pharmacy.hospital.insert("account_grant", account_id=pharmacy.accounts["pharmacist"], role="pharmacist")
    await pharmacy.hospital.message((await pharmacy.prescription("ready")).money.id, "drugs_uncollected", phone=PHONES[side])

    assert await pharmacy.hospital.kinds(standing={"prescription.ready"}) == kinds


async def waits_for_drugs(pharmacy: Pharmacy, phone: str, at: datetime) -> None:
    """The pharmacy was told then of drugs that nobody fetches."""
    visit = (await pharmacy.prescription("ready")).money.id
    await pharmacy.hospital.message(visit, "drugs_uncollected", phone=phone, created_at=at)


async def test_who_had_an_office_was_told_as_long_as_he_had_it(pharmacy: Pharmacy) -> None:
    await pharmacy.enlisted("pharmacist", AT - HOUR, "pharmacist")
    await pharmacy.enlisted("pharmacist", AT + HOUR, "finance")
    await waits_for_drugs(pharmacy, PHONES["pharmacist"], AT)

    assert await pharmacy.hospital.audit(standing={"prescription.ready"}) == []


@pytest.mark.parametrize(("told_at", "kinds"), [(-1, set[Kind]()), (0, set[Kind]()), (1, {Kind.MESSAGE_WHOM})])
async def test_who_was_enlisted_anew_may_have_had_another_phone_before(pharmacy: Pharmacy, told_at: int, kinds: set[Kind]) -> None:
    await pharmacy.enlisted("pharmacist", AT, "pharmacist")
    await waits_for_drugs(pharmacy, OTHER, AT + told_at * HOUR)

    assert await pharmacy.hospital.kinds(standing={"prescription.ready"}) == kinds


@pytest.mark.parametrize(("side", "kinds"), [("doctor", set[Kind]()), ("pharmacist", {Kind.MESSAGE_WHOM})])
async def test_a_code_goes_to_whom_it_lets_in(pharmacy: Pharmacy, side: str, kinds: set[Kind]) -> None:
    hospital = pharmacy.hospital
    await hospital.message(None, "staff_code", phone=PHONES[side])
    await hospital.do("update account_code set account_id = $1", pharmacy.accounts["doctor"])

    assert await hospital.kinds() == kinds


async def test_a_patients_code_goes_to_the_phone_that_asked_for_it(hospital: Hospital) -> None:
    await hospital.message(None, "sign_in_code")
    await hospital.message(None, "sign_in_code", phone=OTHER)  # nobody has an account there yet
    assert await hospital.audit() == []
    await hospital.do("update account_code set phone_bidx = 'other' where phone_bidx = $1", PHONE.encode())

    assert await hospital.kinds() == {Kind.MESSAGE_WHOM}


async def test_without_a_key_no_phone_is_compared(hospital: Hospital) -> None:
    await hospital.message(await hospital.visit("closed"), "revisit_ended", phone=OTHER)

    assert await hospital.audit(column_keys={}) == []
