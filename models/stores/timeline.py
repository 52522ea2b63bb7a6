"""What screens read of a visit: who may see it is said by the SQL, one read a view."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from models.kernel.errors import DomainError
from models.stores.reader import Reach
from models.tables.charge import ChargeRow, PaymentRow, RefundRow
from models.tables.directory import DepartmentRow, DoctorRow
from models.tables.delivery import DeliveryRow
from models.tables.process import TimelineRow
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


POSITIONS: Final[dict[str, Callable[[AsyncSession, UUID, Reach], Awaitable[Position]]]] = {
    "revisit": revisit,
    "charge": charge,
    "refund": refund,
    "delivery": delivery,
}
"""By process."""


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


def _entry(row: TimelineRow) -> Entry:
    return Entry(row.process, row.process_id, row.name, row.version, row.before, row.after, row.by, row.body, row.at, row.detail)


async def done(db: AsyncSession, process_id: UUID, key: str) -> Entry | None:
    """The truth of idempotency: what was done under this key, if it was."""
    row = await db.scalar(select(TimelineRow).where(TimelineRow.process_id == process_id, TimelineRow.step == key))
    return None if row is None else _entry(row)


@dataclass(frozen=True, slots=True)
class Money:
    """A charge as its payer sees it."""

    id: UUID
    state: str
    amount_fen: int
    pay_until: datetime | None
    paid_at: datetime | None


@dataclass(frozen=True, slots=True)
class Visit:
    """A visit as its screen shows it."""

    id: UUID
    patient_id: UUID
    account_id: UUID
    version: int
    state: str
    due_at: datetime | None
    under_way: str | None
    missing: list[str]
    refusal: str | None
    reason: str | None
    declined_for: str | None
    past_encounter_id: str | None
    self_checked: bool
    slot_id: str | None
    slot_starts_at: datetime | None
    unit_ends_at: datetime | None
    department: str | None
    doctor: str | None
    charge_id: UUID | None
    charge_state: str | None
    entered: bool
    passed_over: bool
    created_at: datetime


def _visits(reach: Reach) -> Any:
    return (
        select(RevisitRow, DepartmentRow.name, DoctorRow.name, ChargeRow.state)
        .outerjoin(ChargeRow, ChargeRow.id == RevisitRow.charge_id)
        .outerjoin(DepartmentRow, DepartmentRow.id == RevisitRow.department_id)
        .outerjoin(DoctorRow, DoctorRow.id == RevisitRow.doctor_id)
        .where(reach.condition())
    )


def _visit(row: RevisitRow, department: str | None, doctor: str | None, charge_state: str | None) -> Visit:
    return Visit(
        id=row.id,
        patient_id=row.patient_id,
        account_id=row.account_id,
        version=row.version,
        state=row.state,
        due_at=row.due_at,
        under_way=str(row.under_way["kind"]) if row.under_way else None,
        missing=row.missing or [],
        refusal=row.refusal,
        reason=row.reason,
        declined_for=row.declined_for,
        past_encounter_id=row.past_encounter_id,
        self_checked=row.self_checked_at is not None,
        slot_id=row.slot_id,
        slot_starts_at=row.slot_starts_at,
        unit_ends_at=row.unit_ends_at,
        department=department,
        doctor=doctor,
        charge_id=row.charge_id,
        charge_state=charge_state,
        entered=row.entered_at is not None,
        passed_over=row.passed_over_at is not None,
        created_at=row.created_at,
    )


async def visit(db: AsyncSession, revisit_id: UUID, reach: Reach) -> Visit:
    """Raises `revisit.missing`."""
    found = (await db.execute(_visits(reach).where(RevisitRow.id == revisit_id))).one_or_none()
    if found is None:
        raise DomainError("revisit.missing", "missing")
    return _visit(*found)


async def visits_of_patient(
    db: AsyncSession, patient_id: UUID, reach: Reach, before: tuple[datetime, UUID] | None, limit: int
) -> list[Visit]:
    """Newest first."""
    query = _visits(reach).where(RevisitRow.patient_id == patient_id)
    if before is not None:
        query = query.where((RevisitRow.created_at < before[0]) | ((RevisitRow.created_at == before[0]) & (RevisitRow.id < before[1])))
    rows = await db.execute(query.order_by(RevisitRow.created_at.desc(), RevisitRow.id.desc()).limit(limit))
    return [_visit(*row) for row in rows]


async def entries(db: AsyncSession, visit_id: UUID) -> list[Entry]:
    """All that was done for a visit, by it and by its charge, in order."""
    rows = await db.scalars(select(TimelineRow).where(TimelineRow.visit_id == visit_id).order_by(TimelineRow.at, TimelineRow.id))
    return [_entry(row) for row in rows]


async def money(db: AsyncSession, visit_id: UUID) -> list[Money]:
    """The visit's charges."""
    rows = await db.execute(
        select(ChargeRow, PaymentRow.paid_at)
        .outerjoin(PaymentRow, and_(PaymentRow.charge_id == ChargeRow.id, PaymentRow.unwanted.is_(None)))
        .where(ChargeRow.visit_id == visit_id)
        .order_by(ChargeRow.created_at)
    )
    return [Money(row.id, row.state, row.amount_fen, row.due_at, paid_at) for row, paid_at in rows]
