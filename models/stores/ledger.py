"""The books. An entry's id is derived from what it books, so the same thing is booked once; PostgreSQL holds each entry to zero."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from models.kernel import ids
from models.kernel.errors import known
from models.ledger import Account, Leg
from models.tables.charge import ChargeRow, EntryRow, LegRow


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


@dataclass(frozen=True, slots=True)
class Line:
    """One leg of an entry, as the story of money tells it; fen, debit positive."""

    charge_id: UUID
    cause: str
    account: Account
    amount_fen: int
    at: datetime


async def of_charge(db: AsyncSession, charge_id: UUID) -> list[Line]:
    """The money story of a charge, what came on its other orders and what went back included, in the order in which it was booked."""
    return await _lines(db, EntryRow.charge_id == charge_id)


async def of_visit(db: AsyncSession, visit_id: UUID) -> list[Line]:
    """The money story of a visit: of all its charges."""
    return await _lines(db, EntryRow.charge_id.in_(select(ChargeRow.id).where(ChargeRow.visit_id == visit_id)))


async def _lines(db: AsyncSession, condition: ColumnElement[bool]) -> list[Line]:
    rows = await db.execute(
        select(EntryRow.charge_id, EntryRow.cause, LegRow.account, LegRow.amount_fen, EntryRow.at)
        .join(LegRow, LegRow.entry_id == EntryRow.id)
        .where(condition)
        .order_by(EntryRow.at, LegRow.id)
    )
    return [Line(known(charge_id), cause, Account(account), amount, at) for charge_id, cause, account, amount, at in rows]
