"""Two sums that no charge wanted, of one charge, found at the same moment: both go back, and neither waits for the other for ever."""

import asyncio
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from models.charge import ChargeState, Trade, TradeState
from models.kernel import ids
from models.kernel.clock import now
from models.kernel.errors import known
from models.refund import Cause
from models.stores import payment as payments
from models.stores import refund as refunds
from models.stores.database import Database
from tests.builders import FEE_FEN, a_charge, a_visit, rules


def trade(number: str) -> Trade:
    return Trade(order_no=ids.new().hex, state=TradeState.PAID, transaction_id=number, amount_fen=FEE_FEN, paid_at=now())


async def test_two_that_were_kept_before_either_is_given_back(own_database: Database) -> None:
    async with own_database.transaction() as db:
        policy = await rules(db)
        visit_id = await a_visit(db)
        charge_id = await a_charge(db, visit_id, ChargeState.CLOSED)

    async def kept(db: AsyncSession, number: str) -> UUID:
        return known(await payments.keep(db, trade(number), charge_id=charge_id, visit_id=visit_id, unwanted=Cause.LATE))

    async def given_back(number: str, others: asyncio.Barrier) -> refunds.Begun | None:
        async with own_database.transaction() as db:
            payment_id = await kept(db, number)
            await others.wait()
            return await refunds.begin(db, payment_id, Cause.LATE, now(), policy)

    both = asyncio.Barrier(2)
    begun = await asyncio.gather(given_back("4200-1", both), given_back("4200-2", both))

    assert len({known(one).id for one in begun}) == 2
