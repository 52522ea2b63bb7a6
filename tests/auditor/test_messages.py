"""Messages: to the message, what our outbox and the carrier disagree on."""

import pytest

from models.kernel.ids import new
from tests.auditor import Kind, story
from tests.auditor.finding import told
from tests.auditor.hospital import AT, Hospital


async def test_sent_here_and_unknown_to_the_carrier(hospital: Hospital) -> None:
    await hospital.message(None, "sign_in_code")
    hospital.outside.texts.clear()

    [found] = await hospital.audit()

    assert (found.kind, found.ours, found.theirs) == (Kind.MESSAGE_MISSING, "sent", "nothing")


async def test_the_carrier_sent_what_nobody_here_wrote(hospital: Hospital) -> None:
    hospital.deliver(new(), "revisit_ended")

    assert await hospital.kinds() == {Kind.MESSAGE_UNKNOWN}


@pytest.mark.parametrize("state", ["due", "failed"])
async def test_the_carrier_sent_what_is_not_sent_here(hospital: Hospital, state: str) -> None:
    message_id = await hospital.message(None, "sign_in_code", state=state)
    hospital.deliver(message_id, "sign_in_code")

    assert await hospital.kinds(standing={"message.due"}) == {Kind.MESSAGE_UNKNOWN}


async def test_a_message_by_another_template(hospital: Hospital) -> None:
    await hospital.message(await hospital.visit("closed"), "revisit_ended")
    hospital.outside.texts[0]["template_code"] = "SMS_REVISIT_BOOKED"

    assert await hospital.kinds() == {Kind.MESSAGE_DIFFERS}


async def test_a_message_under_another_receipt(hospital: Hospital) -> None:
    await hospital.message(await hospital.visit("closed"), "revisit_ended", receipt="000-x^0")

    assert await hospital.kinds() == {Kind.MESSAGE_DIFFERS}


async def test_two_people_got_their_messages_on_one_phone(hospital: Hospital) -> None:
    for phone in ("13800000001", "13800000002"):
        await hospital.message(None, "sign_in_code", phone=phone)
    hospital.outside.texts[0]["phone"] = "13800000002"

    found = await hospital.audit()

    assert {one.kind for one in found} == {Kind.MESSAGE_DIFFERS}
    assert "1380000000" not in told(found)


async def test_the_one_message_to_a_phone_went_to_another(hospital: Hospital) -> None:
    """No other message of either phone tells of it: what is sealed does."""
    await hospital.message(None, "sign_in_code", phone="13800000001")
    hospital.outside.texts[0]["phone"] = "13800000002"

    [found] = await hospital.audit()

    assert (found.kind, found.theirs) == (Kind.MESSAGE_DIFFERS, "another phone")
    assert "1380000000" not in told([found])


async def test_a_message_went_twice_and_is_not_marked(hospital: Hospital) -> None:
    message_id = await hospital.message(await hospital.visit("closed"), "revisit_ended")
    hospital.deliver(message_id, "revisit_ended")

    assert await hospital.kinds() == {Kind.MESSAGE_TWICE, Kind.MESSAGE_AGAIN}


async def test_the_one_repeat_that_is_marked(hospital: Hospital) -> None:
    message_id = await hospital.message(await hospital.visit("closed"), "revisit_ended", repeated=True)
    hospital.deliver(message_id, "revisit_ended")
    assert await hospital.audit() == []

    hospital.deliver(message_id, "revisit_ended")

    assert await hospital.kinds() == {Kind.MESSAGE_TWICE, Kind.MESSAGE_AGAIN}


async def test_two_messages_with_the_same_words_for_one_visit(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    for _ in range(2):
        await hospital.message(visit, "revisit_booked")

    found, unowed = await hospital.audit()

    assert (found.kind, found.visit) == (Kind.MESSAGE_AGAIN, visit.id)
    assert (found.ours, found.theirs) == ("1 reasons, 0 marked as repeated or resent", "2 delivered")
    assert (unowed.kind, unowed.visit, unowed.ours, unowed.theirs) == (Kind.MESSAGE_UNOWED, visit.id, "2 messages", "1 owed")


async def test_the_same_words_for_two_visits(hospital: Hospital) -> None:
    for _ in range(2):
        await hospital.message(await hospital.visit("closed"), "revisit_booked")

    assert await hospital.audit() == []


@pytest.mark.parametrize(("template", "step"), [("revisit_called", "queue.accept"), ("revisit_called_again", "queue.call_again")])
async def test_called_as_often_as_the_timeline_says(hospital: Hospital, template: str, step: str) -> None:
    visit = await hospital.visit("consulting")
    await hospital.do("alter table timeline disable trigger never_changed")
    await hospital.do("update timeline set name = $2 where process_id = $1 and after = 'consulting'", visit.id, "queue.accept")
    for _ in range(2 if step == "queue.call_again" else 0):
        await story.stepped(hospital, visit.id, step, "consulting", "consulting")
    if step == "queue.accept":
        await story.stepped(hospital, visit.id, "queue.pass_over", "consulting", "waiting")
        await story.stepped(hospital, visit.id, step, "waiting", "consulting")
    for _ in range(2):
        await hospital.message(visit, template)
    assert await hospital.audit(standing={"revisit.consulting"}) == []

    await hospital.message(visit, template)

    assert await hospital.kinds(standing={"revisit.consulting"}) == {Kind.MESSAGE_AGAIN, Kind.MESSAGE_UNOWED}


async def test_told_of_as_many_refunds_as_arrived(hospital: Hospital) -> None:
    visit = await hospital.visit("cancelled")
    await hospital.given_back(visit, "requested", "cleared", "accepted", "arrived")
    payment_id = await hospital.unwanted(visit, "second")
    await hospital.message(visit, "refund_requested")
    await hospital.given_back(visit, "cleared", "accepted", "arrived", payment_id=payment_id, cause="second")
    for _ in range(2):
        await hospital.message(visit, "refund_arrived")
    assert await hospital.audit() == []

    await hospital.message(visit, "refund_requested")

    assert await hospital.kinds() == {Kind.MESSAGE_AGAIN, Kind.MESSAGE_UNOWED}


@pytest.mark.parametrize("state", ["due", "sending"])
async def test_a_message_without_an_outcome(hospital: Hospital, state: str) -> None:
    await hospital.message(None, "sign_in_code", state=state, due_at=AT)

    assert await hospital.kinds() == {Kind.MESSAGE_OPEN}
    assert await hospital.kinds(standing={f"message.{state}"}) == set()


@pytest.mark.parametrize("state", ["delivered", "undelivered"])
async def test_what_the_carrier_has_stands_in_its_books_whatever_became_of_it(hospital: Hospital, state: str) -> None:
    await hospital.message(await hospital.visit("closed"), "revisit_ended", state=state)
    assert await hospital.audit() == []

    hospital.outside.texts.clear()

    assert await hospital.kinds() == {Kind.MESSAGE_MISSING}


@pytest.mark.parametrize(
    ("state", "statuses", "kinds"),
    [
        ("sent", [3], set[Kind]()),
        ("sent", [2], set[Kind]()),
        ("delivered", [2], {Kind.MESSAGE_FATE}),
        ("delivered", [1], {Kind.MESSAGE_FATE}),
        ("undelivered", [1], {Kind.MESSAGE_FATE}),
        ("undelivered", [3], {Kind.MESSAGE_FATE}),
        ("undelivered", [2, 3], {Kind.MESSAGE_FATE}),
        ("undelivered", [2, 1], {Kind.MESSAGE_FATE}),
        ("delivered", [2, 3], set[Kind]()),
    ],
)
async def test_it_ended_here_as_it_did_at_the_carrier(hospital: Hospital, state: str, statuses: list[int], kinds: set[Kind]) -> None:
    message_id = await hospital.message(None, "sign_in_code", state=state, repeated=len(statuses) > 1)
    hospital.outside.texts.clear()
    for status in statuses:
        hospital.deliver(message_id, "sign_in_code", status=status)

    assert await hospital.kinds() == kinds


async def test_what_never_arrived_is_sent_again(hospital: Hospital) -> None:
    visit = await hospital.visit("closed")
    first = await hospital.message(visit, "revisit_ended", state="undelivered")
    again = await hospital.message(visit, "revisit_ended", resend_of=first)
    assert await hospital.audit() == []

    await hospital.do("update message set resend_of = null where id = $1", again)

    assert await hospital.kinds() == {Kind.MESSAGE_AGAIN, Kind.MESSAGE_UNOWED}


@pytest.mark.parametrize("first", ["delivered", "sent"])
async def test_what_arrived_or_may_still_is_not_sent_again(hospital: Hospital, first: str) -> None:
    visit = await hospital.visit("closed")
    message_id = await hospital.message(visit, "revisit_ended", state=first)
    await hospital.message(visit, "revisit_ended", resend_of=message_id)

    assert await hospital.kinds() == {Kind.MESSAGE_RESENT}


@pytest.mark.parametrize(
    ("template", "phone", "known"),
    [("revisit_booked", "13800000000", True), ("revisit_ended", "13800000001", True), ("revisit_ended", "13800000000", False)],
)
async def test_sent_again_is_the_same_words_to_the_same_phone(hospital: Hospital, template: str, phone: str, *, known: bool) -> None:
    visit = await hospital.visit("closed")
    first = await hospital.message(visit, "revisit_ended", state="undelivered")
    await hospital.message(visit, template, phone=phone, resend_of=first if known else new())

    assert Kind.MESSAGE_RESENT in await hospital.kinds()
