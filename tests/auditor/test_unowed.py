"""Messages that nobody owes: said of no move, or more often than it was made."""

import pytest

from tests.auditor import Kind
from tests.auditor.hospital import AT, Hospital
from tests.auditor.owed import LEFT, OF_REFUND, OF_VISIT
from tests.auditor.pharmacy import PHONES, Pharmacy
from tests.auditor.story import stepped

OF_NOTHING = sorted(
    {*OF_VISIT.values(), *OF_REFUND.values(), "revisit_reminder", "revisit_called_again", "revisit_rearranged", "refund_requested"}
    | {"prescription_approved", "prescription_expired", "drugs_ready", "drugs_waiting", "delivery_sent", "delivery_failed"}
    | {"clinic_waiting", "prescription_returned", "review_waiting", "review_queue", "drugs_uncollected", "delivery_waiting"}
)


async def test_every_state_by_which_a_visit_is_left_has_its_words() -> None:
    assert set(OF_VISIT) >= LEFT


@pytest.mark.parametrize("template", OF_NOTHING)
async def test_told_of_what_never_came_to_be(hospital: Hospital, template: str) -> None:
    visit = await hospital.visit("paying")
    await hospital.message(visit, template)

    found = await hospital.audit(standing={"revisit.paying", "charge.open"})

    said = [(one.about, one.ours, one.theirs, one.visit) for one in found if one.kind is Kind.MESSAGE_UNOWED]
    assert said == [(f"visit={visit.id} template={template}", "1 messages", "0 owed", visit.id)]


async def test_drugs_of_a_visit_that_has_none_are_ready(hospital: Hospital) -> None:
    """Also while something of it is under way."""
    visit = await hospital.visit("closed")
    await hospital.message(visit, "drugs_ready", params={"code": "246802"})

    assert await hospital.kinds(quiet=False) == {Kind.MESSAGE_UNOWED, Kind.MESSAGE_WORDS}


@pytest.mark.parametrize(("name", "template"), [("queue.remind", "revisit_reminder"), ("booking.rearrange", "revisit_rearranged")])
async def test_told_as_often_as_there_was_a_step_for_it(hospital: Hospital, name: str, template: str) -> None:
    visit = await hospital.visit("closed")
    await stepped(hospital, visit.id, name, "closed", "closed")
    await hospital.message(visit, template)
    assert Kind.MESSAGE_UNOWED not in await hospital.kinds()

    await hospital.message(visit, template)

    assert Kind.MESSAGE_UNOWED in await hospital.kinds()


async def test_a_doctor_and_then_the_office_are_told_of_who_waits(pharmacy: Pharmacy) -> None:
    hospital = pharmacy.hospital
    await hospital.do("update doctor set account_id = $1", pharmacy.accounts["doctor"])
    await hospital.insert("account_grant", account_id=pharmacy.accounts["pharmacist"], role="management")
    visit = await hospital.visit("waiting")
    await hospital.do("update revisit set doctor_id = 'doc-1'")
    for side in ("doctor", "pharmacist"):
        await stepped(hospital, visit.id, "queue.urge", "waiting", "waiting")
        await hospital.message(visit, "clinic_waiting", phone=PHONES[side])
    assert await hospital.audit(standing={"revisit.waiting"}) == []

    await hospital.message(visit, "clinic_waiting", phone=PHONES["pharmacist"])

    assert await hospital.kinds(standing={"revisit.waiting"}) == {Kind.MESSAGE_UNOWED}


async def test_a_pharmacy_is_told_of_drugs_that_nobody_fetches(pharmacy: Pharmacy) -> None:
    hospital = pharmacy.hospital
    await hospital.insert("account_grant", account_id=pharmacy.accounts["pharmacist"], role="pharmacist")
    visit = (await pharmacy.prescription("ready")).money.id
    await hospital.message(visit, "drugs_waiting", params={"code": "135790"})
    await hospital.message(visit, "drugs_uncollected", phone=PHONES["pharmacist"])
    assert await hospital.audit(standing={"prescription.ready"}) == []

    await hospital.message(visit, "drugs_uncollected", phone=PHONES["pharmacist"])

    assert Kind.MESSAGE_UNOWED in await hospital.kinds(standing={"prescription.ready"})


@pytest.mark.parametrize("template", ["sign_in_code", "staff_code"])
async def test_each_code_is_sent_once(hospital: Hospital, template: str) -> None:
    message_id = await hospital.message(None, template)
    assert await hospital.audit() == []

    again = await hospital.message(None, template)
    await hospital.do("delete from account_code where id = $1", again)
    [found] = await hospital.audit()
    assert (found.kind, found.about) == (Kind.MESSAGE_UNOWED, f"message={again} template={template}")

    await hospital.do("delete from message where id = any($1)", [message_id, again])
    hospital.outside.texts.clear()
    [found] = await hospital.audit()
    assert (found.kind, found.ours, found.theirs) == (Kind.MESSAGE_OWED, "0 messages", "1 owed")


@pytest.mark.parametrize(("template", "purpose"), [("sign_in_code", "staff"), ("staff_code", "patient"), ("revisit_ended", "patient")])
async def test_a_code_is_said_by_its_own_template(hospital: Hospital, template: str, purpose: str) -> None:
    code_id = await hospital.message(None, template)
    code = {"purpose": purpose, "phone_bidx": b"13800000000", "code_hash": b"", "expires_at": AT}
    await hospital.do("delete from account_code")
    await hospital.insert("account_code", id=code_id, **code)

    assert Kind.MESSAGE_UNOWED in await hospital.kinds()


async def test_a_code_is_of_no_visit(hospital: Hospital) -> None:
    await hospital.message(await hospital.visit("closed"), "sign_in_code")

    assert await hospital.kinds() == {Kind.MESSAGE_UNOWED}
