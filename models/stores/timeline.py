"""Where processes stand for who acts on them, and what was done under which key: the truth of idempotency."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, false, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from models.kernel.errors import DomainError
from models.stores.reader import Reach
from models.tables.charge import ChargeRow, RefundRow
from models.tables.delivery import DeliveryRow
from models.tables.invoice import InvoiceRow
from models.tables.prescription import PrescriptionRow
from models.tables.process import TimelineRow
from models.tables.record import RecordSigningRow
from models.tables.revisit import RevisitRow


@dataclass(frozen=True, slots=True)
class Position:
    """Where a process's row stands, for who is about to act on it."""

    id: UUID
    version: int
    state: str
    step: str | None
    visit_id: UUID


async def revisit(db: AsyncSession, revisit_id: UUID, reach: Reach) -> Position:
    """Raises `revisit.missing` for what is not there and for what is not theirs."""
    found = select(RevisitRow.version, RevisitRow.state, RevisitRow.step).where(RevisitRow.id == revisit_id, reach.condition())
    row = (await db.execute(found)).one_or_none()
    if row is None:
        raise DomainError("revisit.missing", "missing")
    return Position(revisit_id, *row, visit_id=revisit_id)


async def charge(db: AsyncSession, charge_id: UUID, reach: Reach) -> Position:
    """Raises `charge.missing`."""
    return await _through_visit(db, ChargeRow, charge_id, reach.condition(), "charge.missing")


async def refund(db: AsyncSession, refund_id: UUID, reach: Reach) -> Position:
    """One without a visit only by who reaches all. Raises `refund.missing`."""
    return await _through_visit(db, RefundRow, refund_id, reach.condition(), "refund.missing")


async def prescription(db: AsyncSession, prescription_id: UUID, reach: Reach) -> Position:
    """Also by pharmacists, once it has come to them. Raises `prescription.missing`."""
    reviewed = PrescriptionRow.queued_at.is_not(None) if reach.as_pharmacist else false()
    return await _through_visit(db, PrescriptionRow, prescription_id, or_(reach.condition(), reviewed), "prescription.missing")


async def delivery(db: AsyncSession, delivery_id: UUID, reach: Reach) -> Position:
    """Raises `delivery.missing`."""
    return await _through_visit(db, DeliveryRow, delivery_id, reach.condition(), "delivery.missing")


async def record(db: AsyncSession, record_id: UUID, reach: Reach) -> Position:
    """A signing of a record. Raises `record.no_signing`."""
    return await _through_visit(db, RecordSigningRow, record_id, reach.condition(), "record.no_signing")


async def invoice(db: AsyncSession, invoice_id: UUID, reach: Reach) -> Position:
    """Raises `invoice.missing`."""
    return await _through_visit(db, InvoiceRow, invoice_id, reach.condition(), "invoice.missing")


async def _through_visit(db: AsyncSession, table: Any, id: UUID, reached: ColumnElement[bool], missing: str) -> Position:
    """Reached as its visit is; what is not theirs is not there. A row without a visit is reached by who reaches all."""
    found = (
        select(table.version, table.state, table.step, table.visit_id)
        .outerjoin(RevisitRow, RevisitRow.id == table.visit_id)
        .where(table.id == id, reached)
    )
    row = (await db.execute(found)).one_or_none()
    if row is None:
        raise DomainError(missing, "missing")
    return Position(id, *row)


POSITIONS: Final[dict[str, Callable[[AsyncSession, UUID, Reach], Awaitable[Position]]]] = {
    "revisit": revisit,
    "charge": charge,
    "refund": refund,
    "prescription": prescription,
    "record": record,
    "delivery": delivery,
    "invoice": invoice,
}
"""By process, for those that people ask for something."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What was done under a key."""

    process: str
    process_id: UUID
    name: str
    version: int
    before: str
    after: str
    by: UUID | None
    body: str | None
    at: datetime
    detail: dict[str, Any]


async def done(db: AsyncSession, process_id: UUID, key: str) -> Entry | None:
    """The truth of idempotency: what was done under this key, if it was."""
    row = await db.scalar(select(TimelineRow).where(TimelineRow.process_id == process_id, TimelineRow.step == key))
    if row is None:
        return None
    return Entry(row.process, row.process_id, row.name, row.version, row.before, row.after, row.by, row.body, row.at, row.detail)
