"""The books. An entry's id is derived from what it books, so the same thing is booked once; PostgreSQL holds each entry to zero."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from models.kernel import ids
from models.ledger import Account, Leg
from models.tables.charge import EntryRow, LegRow


async def post(db: AsyncSession, cause: str, legs: tuple[Leg, ...], *, of: UUID, charge_id: UUID | None, at: datetime) -> None:
    """Books `legs` for the thing `of` and the cause, once."""
    entry_id = ids.derived("ledger", cause, of)
    fresh = upsert(EntryRow).values(id=entry_id, cause=cause, charge_id=charge_id, at=at).on_conflict_do_nothing().returning(EntryRow.id)
    if await db.scalar(fresh) is None:
        return
    await db.execute(insert(LegRow), [{"entry_id": entry_id, "account": leg.account, "amount_fen": leg.amount_fen} for leg in legs])


async def balances(db: AsyncSession) -> dict[Account, int]:
    """What stands on each account, in fen, debit positive; all together are zero."""
    rows = (await db.execute(select(LegRow.account, func.sum(LegRow.amount_fen)).group_by(LegRow.account))).all()
    return dict.fromkeys(Account, 0) | {Account(account): int(total) for account, total in rows}


async def of_charge(db: AsyncSession, charge_id: UUID) -> list[tuple[str, Account, int, datetime]]:
    """The money story of a charge: cause, account, fen, when."""
    rows = await db.execute(
        select(EntryRow.cause, LegRow.account, LegRow.amount_fen, EntryRow.at)
        .join(LegRow, LegRow.entry_id == EntryRow.id)
        .where(EntryRow.charge_id == charge_id)
        .order_by(EntryRow.at, LegRow.id)
    )
    return [(cause, Account(account), amount, at) for cause, account, amount, at in rows]
