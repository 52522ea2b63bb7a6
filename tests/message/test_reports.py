"""What became of a message that the carrier took: learned by asking, with growing pauses for a day, and whenever it knocks (P-13.2)."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from activities.message import MessageOutbox
from gateways.sms.port import Fate
from models.kernel import ids
from models.kernel.errors import DomainError, Unknown
from models.message import REPORT_PAUSES_S, MessageState, report_asked_at
from models.stores import message as store
from models.stores.database import Database
from models.tables.message import MessageRow
from tests.account.builders import a_phone
from tests.client import Hands
from tests.message.builders import Carrier, enqueued, row

ARRIVED, GIVEN_UP = Fate("biz-0", True), Fate("biz-0", False, "sms.MOBILE_NOT_ON_SERVICE")


@pytest.fixture
def carrier() -> Carrier:
    return Carrier()


@pytest.fixture
def outbox(database: Database, carrier: Carrier, clock: Hands) -> MessageOutbox:
    return MessageOutbox(database, carrier, clock)


async def sent(outbox: MessageOutbox, database: Database, clock: Hands) -> UUID:
    message_id = await enqueued(database, a_phone(), clock())
    await outbox.send_due()
    return message_id


async def asked_at(outbox: MessageOutbox, carrier: Carrier, clock: Hands, told: Iterable[Fate | Exception | None]) -> list[float]:
    """Minutes after which it was asked, minute by minute for two days."""
    carrier.to_ask.extend(told)
    began = clock()
    times: list[float] = []
    for _ in range(2 * 24 * 60):
        clock.forward(minutes=1)
        if await outbox.ask_due():
            times.append((clock() - began) / timedelta(minutes=1))
    return times


async def test_it_has_arrived(outbox: MessageOutbox, carrier: Carrier, database: Database, clock: Hands) -> None:
    message_id = await sent(outbox, database, clock)
    assert await outbox.ask_due() == 0
    clock.forward(seconds=REPORT_PAUSES_S[0])
    carrier.to_ask.append(ARRIVED)

    assert [await outbox.ask_due() for _ in range(2)] == [1, 0]

    there = await row(database, message_id)
    assert (there.state, there.failure, there.reported_at, there.ask_at) == (MessageState.DELIVERED, None, clock(), None)
    clock.forward(days=1)
    assert await outbox.ask_due() == 0


async def test_the_phone_never_got_it(outbox: MessageOutbox, carrier: Carrier, database: Database, clock: Hands) -> None:
    message_id = await sent(outbox, database, clock)
    clock.forward(seconds=REPORT_PAUSES_S[0])
    carrier.to_ask.append(GIVEN_UP)

    with capture_logs() as lines:
        await outbox.ask_due()

    lost = await row(database, message_id)
    assert (lost.state, lost.failure, lost.receipt) == (MessageState.UNDELIVERED, "sms.MOBILE_NOT_ON_SERVICE", "biz-0")
    assert [line["log_level"] for line in lines if line["event"] == "message.reported"] == ["info"], "a code is nobody's task"


@pytest.mark.long
async def test_a_carrier_that_does_not_know_is_asked_for_a_day(
    outbox: MessageOutbox, carrier: Carrier, database: Database, clock: Hands
) -> None:
    message_id = await sent(outbox, database, clock)

    silent = [None, Unknown("time limit"), DomainError("sms.Forbidden", "unavailable"), *[Fate("biz-0")] * 20]
    times = await asked_at(outbox, carrier, clock, silent)

    assert times[:4] == [1, 6, 36, 96]
    assert (times[-1], len(times) < 12) == (24 * 60, True)
    assert (await row(database, message_id)).state == MessageState.SENT, "unknown is not failed"


async def test_of_two_that_come_together_one_is_written(outbox: MessageOutbox, database: Database, clock: Hands) -> None:
    message_id = await sent(outbox, database, clock)

    async with database.transaction() as db:
        assert await store.was_reported(db, message_id, arrived=True, code=None, at=clock())
        assert not await store.was_reported(db, message_id, arrived=False, code="sms.X", at=clock())

    assert (await row(database, message_id)).state == MessageState.DELIVERED


async def knocked(database: Database, message_id: UUID, receipt: str, at: datetime) -> bool:
    async with database.transaction() as db:
        return await store.knocked(db, message_id, receipt, at)


async def test_a_knock_asks_at_once_and_is_believed_in_nothing_else(
    outbox: MessageOutbox, carrier: Carrier, database: Database, clock: Hands
) -> None:
    message_id = await sent(outbox, database, clock)
    carrier.to_ask.append(ARRIVED)

    assert [await knocked(database, message_id, "biz-0", clock()) for _ in range(3)] == [True] * 3
    assert (await row(database, message_id)).state == MessageState.SENT
    assert [await outbox.ask_due() for _ in range(2)] == [1, 0]
    assert (await row(database, message_id)).state == MessageState.DELIVERED

    assert await knocked(database, message_id, "biz-0", clock()), "late"
    assert await outbox.ask_due() == 0


@pytest.mark.long
async def test_a_report_after_more_than_a_day_asks_once_more(
    outbox: MessageOutbox, carrier: Carrier, database: Database, clock: Hands
) -> None:
    message_id = await sent(outbox, database, clock)
    await asked_at(outbox, carrier, clock, [Fate("biz-0")] * 20)
    carrier.to_ask.clear()
    carrier.to_ask.append(GIVEN_UP)

    assert await knocked(database, message_id, "biz-0", clock())

    assert [await outbox.ask_due() for _ in range(2)] == [1, 0]
    assert (await row(database, message_id)).state == MessageState.UNDELIVERED


@pytest.mark.parametrize("receipt", ["biz-1", ""])
async def test_nobody_knocks_with_one_number_alone(outbox: MessageOutbox, database: Database, clock: Hands, receipt: str) -> None:
    message_id = await sent(outbox, database, clock)

    assert not await knocked(database, message_id, receipt, clock())
    assert not await knocked(database, ids.new(), "biz-0", clock())
    assert await outbox.ask_due() == 0


def test_nothing_that_was_sent_is_asked_after_for_ever(clock: Hands) -> None:
    at: datetime | None = clock()
    for asks in range(100):
        at = report_asked_at(at, clock(), asks) if at else None

    assert at is None


async def test_what_was_sent_before_anybody_asked_is_left_alone(outbox: MessageOutbox, database: Database, clock: Hands) -> None:
    async with database.transaction() as db:
        sealed = {"phone": b"p", "phone_bidx": b"p", "params": b"p"}
        db.add(MessageRow(id=ids.new(), template="sign_in_code", state=MessageState.SENT, due_at=clock(), **sealed))
    clock.forward(days=1)

    assert await outbox.ask_due() == 0
