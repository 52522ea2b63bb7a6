"""Claims of places. One statement counts and claims, so none is oversold and a stop is seen."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, bindparam, delete, exists, func, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.booking import ClaimState, Lock
from models.kernel.clock import SHANGHAI, business_day
from models.kernel.errors import DomainError
from models.schedule import SlotState
from models.stores import revisit as revisits
from models.tables.charge import PaymentRow
from models.tables.directory import ScheduleRow, SlotRow
from models.tables.patient import PatientRow
from models.tables.revisit import ClaimRow

LIVE = text("state in ('held','booked')")
"""Word for word that of the index: from a statement's sixth run on PostgreSQL plans without its parameters, and finds no index by them."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A place that we hold, and what the HIS answered for it."""

    id: UUID
    state: ClaimState
    slot_id: str
    schedule_id: str
    doctor_id: str
    department_id: str
    on: date
    unit_starts_at: datetime
    starts_at: datetime
    unit_ends_at: datetime
    appointment_id: str | None
    invoice_id: str | None
    fee_fen: int | None


def _given(name: str, of: Any) -> Any:
    return bindparam(name, type_=of.type)


_STANDS: Final = (
    select(exists().where(ClaimRow.id == _given("claim_id", ClaimRow.id)))
    .select_from(PatientRow)
    .where(PatientRow.id == _given("patient_id", PatientRow.id))
    .with_for_update(of=PatientRow)
)
"""Whether the claim is there already; and the patient's wishes take turns from here on."""


def _claim() -> "Select[str | None, int, UUID | None]":
    """A place taken, the claim of it, and what else the patient holds unpaid: one statement, so that who waits for the slot waits for one
    way to PostgreSQL and back, and not for four."""
    taken = (
        update(SlotRow)
        .where(
            SlotRow.id == _given("slot_id", SlotRow.id),
            SlotRow.state == SlotState.OPEN,
            SlotRow.taken < SlotRow.capacity,
            SlotRow.ends_at > _given("at", SlotRow.ends_at),
        )
        .values(taken=SlotRow.taken + 1)
        .returning(SlotRow.id, SlotRow.schedule_id)
        .cte("taken")
    )
    columns = (ClaimRow.id, ClaimRow.revisit_id, ClaimRow.patient_id, ClaimRow.slot_id, ClaimRow.schedule_id, ClaimRow.state)
    place = select(
        _given("claim_id", ClaimRow.id),
        _given("revisit_id", ClaimRow.revisit_id),
        _given("patient_id", ClaimRow.patient_id),
        taken.c.id,
        taken.c.schedule_id,
        literal(ClaimState.HELD.value),
    )
    mine = (
        insert(ClaimRow)
        .from_select(list(columns), place)
        .on_conflict_do_nothing(index_elements=["patient_id", "schedule_id"], index_where=LIVE)
        .returning(ClaimRow.id)
        .cte("mine")
    )
    unpaid = select(func.count()).where(
        ClaimRow.patient_id == _given("patient_id", ClaimRow.patient_id),
        ClaimRow.state != ClaimState.BOOKED,
        ClaimRow.state != ClaimState.FULFILLED,
        ClaimRow.created_at >= _given("today", ClaimRow.created_at),
        ~exists().where(PaymentRow.visit_id == ClaimRow.revisit_id),
    )
    return select(select(taken.c.schedule_id).scalar_subquery(), unpaid.scalar_subquery(), select(mine.c.id).scalar_subquery())


_CLAIM: Final = _claim()


async def claim(
    db: AsyncSession, claim_id: UUID, revisit_id: UUID, patient_id: UUID, slot_id: str, at: datetime, *, holds_max: int
) -> None:
    """Takes a place for a visit. Asked again under the same id it changes nothing.

    Raises `slot.missing`, `slot.past`, `slot.stopped`, `slot.sold_out`, `booking.held_already` (one live claim a patient and 就诊单元),
    `booking.too_many_holds` (places taken and not paid today).
    """
    whose = {"claim_id": claim_id, "patient_id": patient_id}
    if await db.scalar(_STANDS, whose):
        return
    # Of its own, so that what the next statement counts is as it stands when the patient's other wishes are through.
    today = datetime.combine(business_day(at), time(), SHANGHAI)
    wish = whose | {"revisit_id": revisit_id, "slot_id": slot_id, "at": at, "today": today}
    schedule_id, unpaid, mine = (await db.execute(_CLAIM, wish)).one()
    if schedule_id is None:
        raise await _why_not(db, slot_id, at)
    if unpaid >= holds_max:
        raise DomainError("booking.too_many_holds", "conflict")
    if mine is None:
        raise DomainError("booking.held_already", "conflict")


async def _why_not(db: AsyncSession, slot_id: str, at: datetime) -> DomainError:
    slot = await db.get(SlotRow, slot_id)
    if slot is None:
        return DomainError("slot.missing", "missing")
    if slot.ends_at <= at:
        return DomainError("slot.past", "conflict", slot_id=slot_id)
    if slot.state == SlotState.STOPPED:
        return DomainError("slot.stopped", "conflict", slot_id=slot_id)
    return DomainError("slot.sold_out", "conflict", slot_id=slot_id)


async def locked(db: AsyncSession, claim_id: UUID, lock: Lock) -> None:
    """Keeps the HIS's answer beside the claim."""
    await db.execute(
        update(ClaimRow)
        .where(ClaimRow.id == claim_id)
        .values(appointment_id=lock.appointment_id, invoice_id=lock.invoice_id, fee_fen=lock.fee_fen, lock_expires_at=lock.expires_at)
    )


async def confirm(db: AsyncSession, claim_id: UUID) -> None:
    """Paid and settled: the place is ours."""
    await db.execute(update(ClaimRow).where(ClaimRow.id == claim_id, ClaimRow.state == ClaimState.HELD).values(state=ClaimState.BOOKED))


async def fulfil(db: AsyncSession, claim_id: UUID) -> None:
    """The visit has taken place: the place is used, and the patient may book in this 就诊单元 again."""
    await db.execute(
        update(ClaimRow).where(ClaimRow.id == claim_id, ClaimRow.state == ClaimState.BOOKED).values(state=ClaimState.FULFILLED)
    )


async def release(db: AsyncSession, claim_id: UUID) -> None:
    """Gives the place back, once."""
    given = (
        update(ClaimRow)
        .where(ClaimRow.id == claim_id, ClaimRow.state.in_([ClaimState.HELD, ClaimState.BOOKED]))
        .values(state=ClaimState.RELEASED)
        .returning(ClaimRow.slot_id)
    )
    slot_id = await db.scalar(given)
    if slot_id is not None:
        await db.execute(update(SlotRow).where(SlotRow.id == slot_id).values(taken=SlotRow.taken - 1))


async def withdraw(db: AsyncSession, claim_id: UUID) -> None:
    """The HIS refused and holds nothing under this number: the place goes back and the number is free to be asked again."""
    await release(db, claim_id)
    await db.execute(delete(ClaimRow).where(ClaimRow.id == claim_id))


async def stopped(db: AsyncSession, claim_ids: Collection[UUID], at: datetime) -> None:
    """The HIS has cancelled them by a 停诊: seen first then. Those that are live no more were given back for reasons of ours."""
    seen = update(ClaimRow).where(ClaimRow.id.in_(claim_ids), LIVE, ClaimRow.stopped_at.is_(None))
    await db.execute(seen.values(stopped_at=at))


async def has_stopped(db: AsyncSession, claim_id: UUID) -> bool:
    """A live claim whose place is stopped, or was cancelled by a 停诊."""
    held = ClaimRow.state.in_([ClaimState.HELD, ClaimState.BOOKED])
    gone = or_(SlotRow.state == SlotState.STOPPED, ClaimRow.stopped_at.is_not(None))
    found = select(ClaimRow.id).join(SlotRow, SlotRow.id == ClaimRow.slot_id).where(ClaimRow.id == claim_id, held, gone)
    return await db.scalar(found) is not None


async def live(db: AsyncSession, claim_ids: Collection[UUID]) -> set[UUID]:
    """Those of them that are live claims: held or booked."""
    return set(await db.scalars(select(ClaimRow.id).where(ClaimRow.id.in_(claim_ids), LIVE)))


async def of_id(db: AsyncSession, claim_id: UUID) -> Claim:
    found = await db.execute(
        select(ClaimRow, SlotRow.starts_at, ScheduleRow)
        .join(SlotRow, SlotRow.id == ClaimRow.slot_id)
        .join(ScheduleRow, ScheduleRow.id == ClaimRow.schedule_id)
        .where(ClaimRow.id == claim_id)
    )
    row = found.one_or_none()
    if row is None:
        raise DomainError("booking.missing", "missing")
    held, starts_at, unit = row
    return Claim(
        held.id,
        ClaimState(held.state),
        held.slot_id,
        held.schedule_id,
        unit.doctor_id,
        unit.department_id,
        unit.on,
        unit.starts_at,
        starts_at,
        unit.ends_at,
        held.appointment_id,
        held.invoice_id,
        held.fee_fen,
    )


def is_as_told(held: Claim, visit: revisits.Facts) -> bool:
    """Whether the place has the doctor and the time that the visit was told."""
    return (held.doctor_id, held.starts_at, held.unit_ends_at) == (visit.doctor_id, visit.slot_starts_at, visit.unit_ends_at)
