"""The conversation of a visit: rows in one order, never workflow events (P-2.5)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.kernel.errors import DomainError
from models.revisit import State
from models.stores.database import vault
from models.tables.revisit import ChatRow, RevisitRow

Side = Literal["patient", "doctor"]


@dataclass(frozen=True, slots=True)
class Line:
    id: UUID
    number: int
    side: str
    text: str
    at: datetime


async def say(db: AsyncSession, line_id: UUID, revisit_id: UUID, account_id: UUID, side: Side, text: str, at: datetime) -> Line:
    """Appends a line under the visit's row lock, so numbers run without a gap.

    Raises `chat.not_now`: only 问诊中, the patient after entering.
    """
    found = await db.execute(select(RevisitRow.state, RevisitRow.entered_at).where(RevisitRow.id == revisit_id).with_for_update())
    state, entered_at = found.one()
    if state != State.CONSULTING or (side == "patient" and entered_at is None):
        raise DomainError("chat.not_now", "conflict")
    last = await db.scalar(select(func.max(ChatRow.number)).where(ChatRow.revisit_id == revisit_id)) or 0
    sealed = vault(db).seal("chat.text", line_id, text)
    await db.execute(
        insert(ChatRow).values(id=line_id, revisit_id=revisit_id, number=last + 1, account_id=account_id, side=side, text=sealed, at=at)
    )
    return Line(line_id, last + 1, side, text, at)


async def lines(db: AsyncSession, revisit_id: UUID, after: int, limit: int) -> list[Line]:
    """Lines with a number above `after`, in order."""
    rows = await db.scalars(
        select(ChatRow).where(ChatRow.revisit_id == revisit_id, ChatRow.number > after).order_by(ChatRow.number).limit(limit)
    )
    box = vault(db)
    return [Line(row.id, row.number, row.side, box.open("chat.text", row.id, row.text), row.at) for row in rows]
