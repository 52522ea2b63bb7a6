"""What is sent, asked after, repeated and given up."""

from datetime import timedelta

import pytest

from activities.message import MessageOutbox
from models.kernel.errors import DomainError, Unknown
from models.message import MessageState
from models.stores.database import Database
from tests.account.builders import a_phone
from tests.client import Hands
from tests.message.builders import Carrier, Killed, enqueued, row


@pytest.fixture
def carrier() -> Carrier:
    return Carrier()


@pytest.fixture
def outbox(database: Database, carrier: Carrier, clock: Hands) -> MessageOutbox:
    return MessageOutbox(database, carrier, clock)


async def test_what_is_due_is_sent_once(outbox: MessageOutbox, carrier: Carrier, database: Database, clock: Hands) -> None:
    phone = a_phone()
    message_id = await enqueued(database, phone, clock())

    assert [await outbox.send_due() for _ in range(2)] == [1, 0]

    sent = await row(database, message_id)
    assert carrier.took == [(message_id, phone, "SMS_SIGN_IN_CODE", {"code": "271828"})]
    assert (sent.state, sent.receipt, sent.sent_at, sent.repeated) == (MessageState.SENT, "biz-0", clock(), False)


async def test_what_the_phones_owner_is_refused_for_ends(outbox: MessageOutbox, carrier: Carrier, database: Database, clock: Hands) -> None:
    message_id = await enqueued(database, a_phone(), clock())
    carrier.to_send.append(DomainError("sms.isv.MOBILE_NUMBER_ILLEGAL", "invalid"))

    await outbox.send_due()
    clock.forward(hours=1)

    refused = await row(database, message_id)
    assert (refused.state, refused.failure) == (MessageState.FAILED, "sms.isv.MOBILE_NUMBER_ILLEGAL")
    assert await outbox.send_due() == 0


async def test_what_we_are_refused_for_waits_until_it_is_mended(
    outbox: MessageOutbox, carrier: Carrier, database: Database, clock: Hands
) -> None:
    message_id = await enqueued(database, a_phone(), clock())
    carrier.to_send.append(DomainError("sms.isv.AMOUNT_NOT_ENOUGH", "unavailable"))

    await outbox.send_due()
    assert await outbox.send_due() == 0
    clock.forward(minutes=1)
    await outbox.send_due()

    sent = await row(database, message_id)
    assert (sent.state, sent.repeated, carrier.asked) == (MessageState.SENT, False, [])


async def test_an_unknown_outcome_is_asked_after_and_not_repeated(
    outbox: MessageOutbox, carrier: Carrier, database: Database, clock: Hands
) -> None:
    message_id = await enqueued(database, a_phone(), clock())
    carrier.to_send.append(Unknown("time limit"))
    carrier.to_ask.append("biz-7")

    await outbox.send_due()
    assert (await row(database, message_id)).state == MessageState.SENDING
    assert await outbox.send_due() == 0
    clock.forward(seconds=10)
    await outbox.send_due()

    sent = await row(database, message_id)
    assert (sent.state, sent.receipt, sent.repeated, carrier.took) == (MessageState.SENT, "biz-7", False, [])


async def test_what_the_carrier_never_got_is_sent_again_once_and_counted(
    outbox: MessageOutbox, carrier: Carrier, database: Database, clock: Hands
) -> None:
    message_id = await enqueued(database, a_phone(), clock())
    carrier.to_send.append(Unknown("connection lost"))

    await outbox.send_due()
    clock.forward(seconds=10)
    await outbox.send_due()

    sent = await row(database, message_id)
    assert (sent.state, sent.repeated, len(carrier.took)) == (MessageState.SENT, True, 1)


async def test_it_is_never_sent_a_third_time(outbox: MessageOutbox, carrier: Carrier, database: Database, clock: Hands) -> None:
    message_id = await enqueued(database, a_phone(), clock())
    carrier.to_send.extend([Unknown("connection lost"), Unknown("connection lost")])

    for _ in range(30):
        await outbox.send_due()
        clock.forward(hours=1)

    given_up = await row(database, message_id)
    assert (given_up.state, given_up.failure, given_up.repeated) == (MessageState.FAILED, "message.unanswered", True)
    assert (carrier.took, list(carrier.to_send)) == ([], [])
    assert 20 < len(carrier.asked) < 30


async def test_a_carrier_that_will_not_tell_is_asked_again(
    outbox: MessageOutbox, carrier: Carrier, database: Database, clock: Hands
) -> None:
    message_id = await enqueued(database, a_phone(), clock())
    carrier.to_send.append(Unknown("time limit"))
    carrier.to_ask.extend([Unknown("time limit"), DomainError("sms.Forbidden", "unavailable"), "biz-7"])

    for _ in range(4):
        await outbox.send_due()
        clock.forward(minutes=2)

    sent = await row(database, message_id)
    assert (sent.state, sent.receipt, sent.repeated) == (MessageState.SENT, "biz-7", False)


async def test_after_a_crash_in_mid_call_the_carrier_is_asked_first(
    outbox: MessageOutbox, carrier: Carrier, database: Database, clock: Hands
) -> None:
    message_id = await enqueued(database, a_phone(), clock())

    async def killed() -> None:
        raise Killed

    carrier.meanwhile = killed
    with pytest.raises(BaseExceptionGroup):
        await outbox.send_due()
    carrier.to_ask.append("biz-7")
    clock.forward(seconds=20)

    await outbox.send_due()

    assert (await row(database, message_id)).receipt == "biz-7"
    assert carrier.took == []


async def test_one_that_cannot_be_handled_holds_up_no_other_and_stays_loud(
    outbox: MessageOutbox, carrier: Carrier, database: Database, clock: Hands
) -> None:
    await enqueued(database, a_phone(), clock() - timedelta(seconds=1))
    good = await enqueued(database, a_phone(), clock())
    carrier.to_send.append(TypeError("a bug"))

    with pytest.raises(BaseExceptionGroup) as loud:
        await outbox.send_due()

    assert isinstance(loud.value.exceptions[0], TypeError)
    assert (await row(database, good)).state == MessageState.SENT


async def test_a_slow_hand_does_not_overwrite(outbox: MessageOutbox, carrier: Carrier, database: Database, clock: Hands) -> None:
    """It hangs in its call until its lease is over and another has ended the message; then its own answer comes."""
    message_id = await enqueued(database, a_phone(), clock())
    carrier.to_send.append(DomainError("sms.isv.MOBILE_NUMBER_ILLEGAL", "invalid"))
    carrier.to_ask.append("biz-7")

    async def another_hand() -> None:
        clock.forward(seconds=21)
        assert await MessageOutbox(database, carrier, clock).send_due() == 1

    carrier.meanwhile = another_hand
    await outbox.send_due()

    ended = await row(database, message_id)
    assert (ended.state, ended.receipt, ended.failure) == (MessageState.SENT, "biz-7", None)
