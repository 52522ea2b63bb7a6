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
    """A charge is reached through its visit. Raises `charge.missing`."""
    found = (
        select(ChargeRow.version, ChargeRow.state, ChargeRow.step, ChargeRow.visit_id)
        .join(RevisitRow, RevisitRow.id == ChargeRow.visit_id)
        .where(ChargeRow.id == charge_id, reach.condition())
    )
    row = (await db.execute(found)).one_or_none()
    if row is None:
        raise DomainError("charge.missing", "missing")
    return Position(charge_id, *row)


async def refund(db: AsyncSession, refund_id: UUID, reach: Reach) -> Position:
    """A refund is reached through its visit; one without a visit only by who reaches all. Raises `refund.missing`."""
    found = (
        select(RefundRow.version, RefundRow.state, RefundRow.step, RefundRow.visit_id)
        .outerjoin(RevisitRow, RevisitRow.id == RefundRow.visit_id)
        .where(RefundRow.id == refund_id, reach.condition())
    )
    row = (await db.execute(found)).one_or_none()
    if row is None:
        raise DomainError("refund.missing", "missing")
    return Position(refund_id, *row)


async def prescription(db: AsyncSession, prescription_id: UUID, reach: Reach) -> Position:
    """A prescription is reached through its visit, and by pharmacists once it has come to them. Raises `prescription.missing`."""
    found = (
        select(PrescriptionRow.version, PrescriptionRow.state, PrescriptionRow.step, PrescriptionRow.visit_id)
        .join(RevisitRow, RevisitRow.id == PrescriptionRow.visit_id)
        .where(PrescriptionRow.id == prescription_id, or_(reach.condition(), _reviewed_by(reach)))
    )
    row = (await db.execute(found)).one_or_none()
    if row is None:
        raise DomainError("prescription.missing", "missing")
    return Position(prescription_id, *row)


def _reviewed_by(reach: Reach) -> ColumnElement[bool]:
    return PrescriptionRow.queued_at.is_not(None) if reach.as_pharmacist else false()


async def delivery(db: AsyncSession, delivery_id: UUID, reach: Reach) -> Position:
    """A parcel is reached through its visit. Raises `delivery.missing`."""
    found = (
        select(DeliveryRow.version, DeliveryRow.state, DeliveryRow.step, DeliveryRow.visit_id)
        .join(RevisitRow, RevisitRow.id == DeliveryRow.visit_id)
        .where(DeliveryRow.id == delivery_id, reach.condition())
    )
    row = (await db.execute(found)).one_or_none()
    if row is None:
        raise DomainError("delivery.missing", "missing")
    return Position(delivery_id, *row)


async def record(db: AsyncSession, record_id: UUID, reach: Reach) -> Position:
    """A signing of a record is reached through its visit. Raises `record.no_signing`."""
    found = (
        select(RecordSigningRow.version, RecordSigningRow.state, RecordSigningRow.step, RecordSigningRow.visit_id)
        .join(RevisitRow, RevisitRow.id == RecordSigningRow.visit_id)
        .where(RecordSigningRow.id == record_id, reach.condition())
    )
    row = (await db.execute(found)).one_or_none()
    if row is None:
        raise DomainError("record.no_signing", "missing")
    return Position(record_id, *row)


async def invoice(db: AsyncSession, invoice_id: UUID, reach: Reach) -> Position:
    """An e-bill is reached through its visit. Raises `invoice.missing`."""
    found = (
        select(InvoiceRow.version, InvoiceRow.state, InvoiceRow.step, InvoiceRow.visit_id)
        .join(RevisitRow, RevisitRow.id == InvoiceRow.visit_id)
        .where(InvoiceRow.id == invoice_id, reach.condition())
    )
    row = (await db.execute(found)).one_or_none()
    if row is None:
        raise DomainError("invoice.missing", "missing")
    return Position(invoice_id, *row)


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
