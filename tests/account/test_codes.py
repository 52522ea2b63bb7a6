"""One-time codes in the store."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from models.account import CODE_TRIES_MAX, CODES_A_DAY_MAX
from models.kernel.errors import DomainError
from models.stores import account_code as codes
from models.stores.database import Database
from models.tables.account import CodeRow
from models.tables.message import MessageRow
from tests.account.builders import a_phone, codes_sent
from tests.client import Hands


async def issued(database: Database, phone: str, clock: Hands, purpose: codes.Purpose = "patient") -> str:
    async with database.transaction() as db:
        await codes.issue(db, purpose, phone, None, clock())
    return (await codes_sent(database))[-1] if purpose == "patient" else ""


async def used(database: Database, phone: str, digits: str, clock: Hands) -> bool:
    async with database.transaction() as db:
        return await codes.use(db, "patient", phone, digits, clock())


def another(digits: str) -> str:
    return f"{(int(digits) + 1) % 1_000_000:06d}"


async def test_the_right_code_is_good_once(database: Database, clock: Hands) -> None:
    phone = a_phone()
    digits = await issued(database, phone, clock)

    assert len(digits) == 6
    assert await used(database, phone, digits, clock)
    assert not await used(database, phone, digits, clock)


async def test_a_code_is_of_one_phone(database: Database, clock: Hands) -> None:
    digits = await issued(database, a_phone(), clock)

    assert not await used(database, a_phone(), digits, clock)


async def test_a_code_lasts_five_minutes(database: Database, clock: Hands) -> None:
    phone = a_phone()
    digits = await issued(database, phone, clock)
    clock.forward(minutes=5)

    assert not await used(database, phone, digits, clock)


async def test_after_five_wrong_tries_the_right_one_is_too_late(database: Database, clock: Hands) -> None:
    phone = a_phone()
    digits = await issued(database, phone, clock)

    for _ in range(CODE_TRIES_MAX):
        assert not await used(database, phone, another(digits), clock)
    assert not await used(database, phone, digits, clock)


async def test_a_new_code_voids_the_one_before(database: Database, clock: Hands) -> None:
    phone = a_phone()
    first = await issued(database, phone, clock)
    clock.forward(seconds=60)
    second = await issued(database, phone, clock)

    assert not await used(database, phone, first, clock) or first == second
    assert await used(database, phone, second, clock)


async def test_one_code_a_minute(database: Database, clock: Hands) -> None:
    phone = a_phone()
    await issued(database, phone, clock)
    clock.forward(seconds=20)

    with pytest.raises(DomainError, match=r"account\.too_many_codes") as refused:
        await issued(database, phone, clock)

    assert 40 <= int(str(refused.value.params["retry_after_s"])) <= 41


async def test_ten_codes_a_day(database: Database, clock: Hands) -> None:
    phone, began = a_phone(), clock()
    for _ in range(CODES_A_DAY_MAX):
        await issued(database, phone, clock)
        clock.forward(minutes=2)

    with pytest.raises(DomainError, match=r"account\.too_many_codes") as refused:
        await issued(database, phone, clock)
    until = clock() + timedelta(seconds=int(str(refused.value.params["retry_after_s"])))
    clock.at = until

    assert began + timedelta(days=1) <= until <= began + timedelta(days=1, seconds=2)
    await issued(database, phone, clock)


async def test_who_floods_a_phone_keeps_no_doctor_out(database: Database, clock: Hands) -> None:
    phone = a_phone()
    await issued(database, phone, clock)

    await issued(database, phone, clock, "staff")


async def test_only_a_keyed_hash_is_stored(db: AsyncSession, database: Database, clock: Hands) -> None:
    digits = await issued(database, a_phone(), clock)

    stored = (await db.scalars(select(CodeRow.code_hash))).one()

    assert digits.encode() not in stored
    assert len(stored) == 32


async def test_many_requests_at_once_are_one_code(own_database: Database, clock: Hands) -> None:
    phone = a_phone()

    answers = await asyncio.gather(*(issued(own_database, phone, clock) for _ in range(10)), return_exceptions=True)

    assert sorted(str(one) for one in answers if isinstance(one, Exception)) == ["account.too_many_codes"] * 9
    async with own_database.reading() as db:
        assert (await db.scalars(select(func.count()).select_from(MessageRow))).one() == 1


async def test_many_guesses_at_once_are_five(own_database: Database, clock: Hands) -> None:
    phone = a_phone()
    digits = await issued(own_database, phone, clock)

    await asyncio.gather(*(used(own_database, phone, another(digits), clock) for _ in range(12)))

    async with own_database.reading() as db:
        assert (await db.scalars(select(CodeRow.tries))).one() == CODE_TRIES_MAX
    assert not await used(own_database, phone, digits, clock)
