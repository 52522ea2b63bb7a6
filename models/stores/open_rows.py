"""Rows of processes that are not at their end: what sweep and relay look after."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from models.pathways import PATHWAYS
from models.process import Moves
from models.tables.charge import ChargeRow, RefundRow
from models.tables.delivery import DeliveryRow
from models.tables.invoice import InvoiceRow
from models.tables.prescription import PrescriptionRow
from models.tables.record import RecordSigningRow
from models.tables.revisit import RevisitRow
from models.tables.suspension import SuspensionRow

_TABLES: dict[str, Any] = {
    "revisit": RevisitRow,
    "charge": ChargeRow,
    "refund": RefundRow,
    "prescription": PrescriptionRow,
    "record": RecordSigningRow,
    "delivery": DeliveryRow,
    "invoice": InvoiceRow,
    "suspension": SuspensionRow,
}
PROCESSES: dict[str, tuple[Any, Moves[Any]]] = {process: (_TABLES[process], pathway.moves) for process, pathway in PATHWAYS.items()}
"""Each process's table and moves."""

PAUSE = timedelta(seconds=10)
"""Between two looks at one row."""
YOUNG = timedelta(seconds=2)
"""A row just inserted is being begun by who inserted it."""


@dataclass(frozen=True, slots=True)
class Open:
    process: str
    id: UUID
    visit_id: UUID


@dataclass(frozen=True, slots=True)
class Position:
    version: int
    ended: bool


async def due(db: AsyncSession, at: datetime, limit: int) -> list[Open]:
    """Open rows not looked at for a while, longest first; marked as looked at."""
    found: list[Open] = []
    for process, (table, moves) in PROCESSES.items():
        visit = table.visit_id if hasattr(table, "visit_id") else table.id
        rows = (
            await db.execute(
                select(table.id, visit)
                .where(
                    table.state.not_in([str(end) for end in moves.ends()]),
                    table.created_at < at - YOUNG,
                    or_(table.swept_at.is_(None), table.swept_at < at - PAUSE),
                )
                .order_by(table.swept_at.nulls_first())
                .limit(limit)
                .with_for_update(skip_locked=True)
            )
        ).all()
        await db.execute(
            update(table).where(table.id.in_([row[0] for row in rows])).values(swept_at=at).execution_options(synchronize_session=False)
        )
        found += [Open(process, row[0], row[1]) for row in rows]
    return found


async def position(db: AsyncSession, process: str, id: UUID) -> Position | None:
    """Where a process's row stands; None for one that is not ours."""
    table, moves = PROCESSES[process]
    row = (await db.execute(select(table.version, table.state).where(table.id == id))).one_or_none()
    return None if row is None else Position(row[0], row[1] in moves.ends())
