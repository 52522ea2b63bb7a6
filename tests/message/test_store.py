"""The outbox in the store: taken by one hand, in order for each recipient."""

import asyncio
from datetime import timedelta

from sqlalchemy import func, select

from models.kernel.ids import new
from models.stores import message as store
from models.stores.database import Database
from models.stores.message import Taken
from models.tables.message import MessageRow
from tests.account.builders import a_phone
from tests.client import Hands
from tests.message.builders import enqueued, row


async def taken(database: Database, clock: Hands, limit: int = 10) -> list[Taken]:
    async with database.transaction() as db:
        return await store.take(db, clock(), limit)


async def test_one_cause_is_one_message(database: Database, clock: Hands) -> None:
    message_id, phone = new(), a_phone()

    await enqueued(database, phone, clock(), id=message_id)
    await enqueued(database, phone, clock(), id=message_id, code="314159")

    async with database.reading() as db:
        assert (await db.scalars(select(func.count()).select_from(MessageRow))).one() == 1
    assert (await taken(database, clock))[0].params == {"code": "271828"}


async def test_phone_and_text_are_sealed(database: Database, clock: Hands) -> None:
    phone = a_phone()
    stored = await row(database, await enqueued(database, phone, clock()))

    assert phone.encode() not in stored.phone
    assert b"271828" not in stored.params


async def test_only_what_is_due_is_taken(database: Database, clock: Hands) -> None:
    await enqueued(database, a_phone(), clock() + timedelta(minutes=1))

    assert await taken(database, clock) == []
    clock.forward(minutes=1)
    assert len(await taken(database, clock)) == 1


async def test_a_later_message_waits_for_the_earlier_one_to_the_same_phone(database: Database, clock: Hands) -> None:
    phone, other = a_phone(), a_phone()
    first = await enqueued(database, phone, clock() - timedelta(seconds=3))
    second = await enqueued(database, phone, clock() - timedelta(seconds=2))
    elsewhere = await enqueued(database, other, clock() - timedelta(seconds=1))

    hand = await taken(database, clock)
    assert [one.id for one in hand] == [first, elsewhere]
    assert await taken(database, clock) == []
    async with database.transaction() as db:
        await store.was_sent(db, hand[0], "biz", clock())

    assert [one.id for one in await taken(database, clock)] == [second]


async def test_a_hand_that_is_too_slow_writes_nothing(database: Database, clock: Hands) -> None:
    message_id = await enqueued(database, a_phone(), clock())
    [slow] = await taken(database, clock)
    clock.at += store.LEASE
    [quick] = await taken(database, clock)

    async with database.transaction() as db:
        assert not await store.giving(db, slow, clock(), again=False)
        assert not await store.was_refused(db, slow, "sms.late")
        assert await store.was_sent(db, quick, "biz", clock())

    assert quick.attempt == slow.attempt + 1
    assert (await row(database, message_id)).receipt == "biz"


async def test_what_is_over_stays_over(database: Database, clock: Hands) -> None:
    await enqueued(database, a_phone(), clock())
    [mine] = await taken(database, clock)
    async with database.transaction() as db:
        await store.was_refused(db, mine, "sms.isv.MOBILE_NUMBER_ILLEGAL")

        assert not await store.was_sent(db, mine, "biz", clock())


async def test_hands_at_once_never_hold_the_same_message(own_database: Database, clock: Hands) -> None:
    phones = [a_phone() for _ in range(6)]
    for number in range(24):
        await enqueued(own_database, phones[number % 6], clock() - timedelta(seconds=24 - number))

    hands = await asyncio.gather(*(taken(own_database, clock, 3) for _ in range(8)))

    held = [one for hand in hands for one in hand]
    assert len({one.id for one in held}) == len(held)
    assert sorted(one.phone for one in held) == phones
