"""The books: each entry sums to zero, is booked once, and is never changed."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from models.kernel import ids
from models.kernel.money import Fen
from models.ledger import Account, Leg, transfer
from models.stores import ledger
from models.stores.database import Database
from tests.process.hospital import MORNING

FEE = transfer(Fen(5000), to=Account.WECHAT_PAY, of=Account.PATIENT_DUE)


async def test_the_same_thing_is_booked_once(db: AsyncSession) -> None:
    order_id = ids.new()
    for _ in range(3):
        await ledger.post(db, "charge.paid", FEE, of=order_id, charge_id=None, at=MORNING)

    assert (await ledger.balances(db))[Account.WECHAT_PAY] == 5000


async def test_another_cause_or_another_thing_is_another_entry(db: AsyncSession) -> None:
    order_id = ids.new()
    await ledger.post(db, "charge.paid", FEE, of=order_id, charge_id=None, at=MORNING)
    await ledger.post(db, "charge.settled", FEE, of=order_id, charge_id=None, at=MORNING)
    await ledger.post(db, "charge.paid", FEE, of=ids.new(), charge_id=None, at=MORNING)

    assert (await ledger.balances(db))[Account.PATIENT_DUE] == -15000


async def test_an_empty_ledger_has_all_accounts_at_zero(db: AsyncSession) -> None:
    assert await ledger.balances(db) == dict.fromkeys(Account, 0)


amounts = st.lists(st.tuples(st.integers(1, 10**9), st.sampled_from(Account), st.sampled_from(Account)), max_size=6)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(transfers=amounts)
async def test_whatever_is_transferred_all_accounts_together_are_zero(
    db: AsyncSession, transfers: list[tuple[int, Account, Account]]
) -> None:
    for fen, to, of in transfers:
        await ledger.post(db, "charge.paid", transfer(Fen(fen), to=to, of=of), of=ids.new(), charge_id=None, at=MORNING)
    await db.execute(text("set constraints all immediate"))
    await db.execute(text("set constraints all deferred"))

    assert sum((await ledger.balances(db)).values()) == 0


@pytest.mark.parametrize("legs", [(Leg(Account.WECHAT_PAY, 5000),), (*FEE, Leg(Account.SUSPENSE, 1))])
async def test_what_does_not_balance_is_not_committed(own_database: Database, legs: tuple[Leg, ...]) -> None:
    with pytest.raises(DBAPIError, match="does not balance"):
        async with own_database.transaction() as db:
            await ledger.post(db, "charge.paid", legs, of=ids.new(), charge_id=None, at=MORNING)

    async with own_database.reading() as db:
        assert await ledger.balances(db) == dict.fromkeys(Account, 0)


@pytest.mark.parametrize(
    "change", ["update ledger_leg set amount_fen = 1", "delete from ledger_leg", "update ledger_entry set cause = 'x'"]
)
async def test_an_entry_is_never_changed(own_database: Database, change: str) -> None:
    async with own_database.transaction() as db:
        await ledger.post(db, "charge.paid", FEE, of=ids.new(), charge_id=None, at=MORNING)

    with pytest.raises(DBAPIError, match="never changed"):
        async with own_database.transaction() as db:
            await db.execute(text(change))


async def test_booked_by_many_at_once_it_is_booked_once(own_database: Database) -> None:
    order_id = ids.new()

    async def book() -> None:
        async with own_database.transaction() as db:
            await ledger.post(db, "charge.paid", FEE, of=order_id, charge_id=None, at=MORNING)

    await asyncio.gather(*(book() for _ in range(8)))

    async with own_database.reading() as db:
        assert (await ledger.balances(db))[Account.WECHAT_PAY] == 5000
