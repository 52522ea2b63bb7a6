"""The mirror of the HIS's departments, doctors, 就诊单元 and slots: pulled in full, searched by people, always with its age (P-2.3)."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, and_, case, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.booking import ClaimState
from models.kernel.clock import end_of
from models.kernel.errors import DomainError
from models.schedule import HisDepartment, HisDoctor, HisSchedule, HisSlot, SlotState
from models.stores import mirror
from models.suspension import is_newer
from models.tables.account import AccountRow
from models.tables.directory import DepartmentRow, DoctorRow, MirrorRow, ScheduleRow, SlotRow
from models.tables.revisit import ClaimRow

PART = "schedule"


async def write(
    db: AsyncSession,
    departments: tuple[HisDepartment, ...],
    doctors: tuple[HisDoctor, ...],
    schedules: tuple[HisSchedule, ...],
    slots: tuple[HisSlot, ...],
    at: datetime,
    *,
    days: tuple[date, ...] = (),
) -> list[HisSchedule]:
    """One pull, one transaction. What the HIS gave to others shrinks a slot; what our claims hold there is ours already.

    A slot that the HIS no longer tells of, in these 就诊单元 or on these whole days, can be had no more; none of a doctor who is
    suspended here can. What is older than our copy changes nothing. Answers the 就诊单元 whose version is newer than was known.
    """
    known = await _versions(db, [one.id for one in schedules])
    changed = [one for one in schedules if one.id in known and is_newer(one.version, than=known[one.id])]
    stale = {one.id for one in schedules if one.id in known and is_newer(known[one.id], than=one.version) and one not in changed}
    schedules = tuple(one for one in schedules if one.id not in stale)
    slots = tuple(one for one in slots if one.schedule_id not in stale)
    parents_first = sorted(departments, key=lambda one: one.parent_id is not None)
    for one in parents_first:
        await _upsert(db, DepartmentRow.__table__, [one.model_dump()], at)
    await _upsert(db, DoctorRow.__table__, [one.model_dump() for one in doctors], at)
    await _upsert(db, ScheduleRow.__table__, [one.model_dump() for one in schedules], at)
    locked = dict(
        (
            await db.execute(
                select(ClaimRow.slot_id, func.count())
                .where(ClaimRow.state.in_([ClaimState.HELD, ClaimState.BOOKED, ClaimState.FULFILLED]), ClaimRow.appointment_id.is_not(None))
                .group_by(ClaimRow.slot_id)
            )
        ).all()
    )
    rows = [
        {
            **one.model_dump(exclude={"remaining", "capacity"}),
            "his_remaining": one.remaining,
            "capacity": one.remaining + locked.get(one.id, 0),
        }
        for one in slots
    ]
    await _upsert(db, SlotRow.__table__, rows, at)
    known_ids = {one.id for one in slots}
    pulled = or_(ScheduleRow.id.in_([one.id for one in schedules]), ScheduleRow.on.in_(days))
    gone = select(SlotRow.id).join(ScheduleRow, ScheduleRow.id == SlotRow.schedule_id).where(pulled)
    lost = [one for one in await db.scalars(gone.where(ScheduleRow.id.not_in(stale))) if one not in known_ids]
    await db.execute(update(SlotRow).where(SlotRow.id.in_(lost)).values(state=SlotState.STOPPED, synced_at=at))
    await _stop_suspended(db)
    if days:
        await mirror.pulled(db, PART, at)
    return changed


async def _versions(db: AsyncSession, schedule_ids: list[str]) -> dict[str, str]:
    """Held until this transaction ends, so that of two pulls the later one knows what the earlier one wrote."""
    rows = await db.execute(
        select(ScheduleRow.id, ScheduleRow.version).where(ScheduleRow.id.in_(schedule_ids)).order_by(ScheduleRow.id).with_for_update()
    )
    return dict(rows.all())


async def _stop_suspended(db: AsyncSession) -> None:
    """Whatever the HIS says of them: nobody can book with a doctor who is suspended here."""
    theirs = select(ScheduleRow.id).join(DoctorRow, DoctorRow.id == ScheduleRow.doctor_id).where(DoctorRow.suspended_at.is_not(None))
    await db.execute(
        update(SlotRow).where(SlotRow.schedule_id.in_(theirs), SlotRow.state == SlotState.OPEN).values(state=SlotState.STOPPED)
    )


async def suspend(db: AsyncSession, doctor_id: str, at: datetime) -> None:
    """From here on nobody can book with this doctor."""
    await db.execute(update(DoctorRow).where(DoctorRow.id == doctor_id, DoctorRow.suspended_at.is_(None)).values(suspended_at=at))
    await _stop_suspended(db)


async def is_suspended(db: AsyncSession, doctor_id: str) -> bool:
    """Held until this transaction ends. Raises `doctor.missing`."""
    found = await db.execute(select(DoctorRow.suspended_at).where(DoctorRow.id == doctor_id).with_for_update())
    row = found.one_or_none()
    if row is None:
        raise DomainError("doctor.missing", "missing")
    return row[0] is not None


async def version(db: AsyncSession, schedule_id: str) -> str | None:
    """That of our copy; None for a 就诊单元 that we have none of."""
    return await db.scalar(select(ScheduleRow.version).where(ScheduleRow.id == schedule_id))


async def resume(db: AsyncSession, doctor_id: str) -> bool:
    """What the HIS has of their places counts again, with the next pull. False: was not suspended."""
    resumed = update(DoctorRow).where(DoctorRow.id == doctor_id, DoctorRow.suspended_at.is_not(None)).values(suspended_at=None)
    return await db.scalar(resumed.returning(DoctorRow.id)) is not None


async def _upsert(db: AsyncSession, table: Any, rows: list[dict[str, Any]], at: datetime) -> None:
    """Inserted in batches that PostgreSQL's limit of parameters allows."""
    target: Table = table
    for start in range(0, len(rows), 1000):
        batch = [{**row, "synced_at": at} for row in rows[start : start + 1000]]
        fresh = insert(target).values(batch)
        changed: dict[str, ColumnElement[Any]] = {name: fresh.excluded[name] for name in batch[0] if name != "id"}
        if "capacity" in changed:  # never below what is taken, whatever the HIS gave away beside us
            changed["capacity"] = func.greatest(target.c.taken, fresh.excluded["capacity"])
        await db.execute(fresh.on_conflict_do_update(index_elements=["id"], set_=changed))


async def appoint(db: AsyncSession, doctor_id: str, account_id: UUID) -> None:
    """Ties a doctor of the HIS to the account that acts for them here."""
    await db.execute(update(DoctorRow).where(DoctorRow.id == doctor_id).values(account_id=account_id))
    await db.execute(update(AccountRow).where(AccountRow.id == account_id).values(staff_id=doctor_id))


async def failed(db: AsyncSession, at: datetime, failure: str) -> None:
    """The copy stays and grows old; screens say so."""
    await mirror.failed(db, PART, at, failure)


@dataclass(frozen=True, slots=True)
class Freshness:
    """When the copy was last pulled in full; `failed_at` when the last pull since then failed."""

    synced_at: datetime | None
    failed_at: datetime | None


async def freshness(db: AsyncSession) -> Freshness:
    """None at both: never pulled."""
    found = await db.execute(select(MirrorRow.synced_at, MirrorRow.failed_at).where(MirrorRow.part == PART))
    return Freshness(*(found.one_or_none() or (None, None)))


@dataclass(frozen=True, slots=True)
class Department:
    id: str
    name: str
    parent_id: str | None
    open_slots: int


async def departments(db: AsyncSession, day: date | None, at: datetime) -> list[Department]:
    """Both levels, with the places left (that day, or on any day ahead)."""
    left = (
        select(ScheduleRow.department_id, func.sum(SlotRow.capacity - SlotRow.taken).label("left"))
        .join(SlotRow, SlotRow.schedule_id == ScheduleRow.id)
        .where(SlotRow.state == SlotState.OPEN, SlotRow.ends_at > at)
        .group_by(ScheduleRow.department_id)
    )
    if day is not None:
        left = left.where(_within(day))
    open_now = left.subquery()
    rows = await db.execute(
        select(DepartmentRow.id, DepartmentRow.name, DepartmentRow.parent_id, func.coalesce(open_now.c.left, 0))
        .outerjoin(open_now, open_now.c.department_id == DepartmentRow.id)
        .order_by(DepartmentRow.parent_id.nulls_first(), DepartmentRow.id)
    )
    return [Department(id, name, parent, int(left)) for id, name, parent, left in rows]


def _within(day: date) -> ColumnElement[bool]:
    """Slots that a day has some of: after midnight the rest of yesterday's 就诊单元 is today's."""
    before = day - timedelta(days=1)
    return and_(ScheduleRow.on.in_([before, day]), SlotRow.starts_at < end_of(day), SlotRow.ends_at > end_of(before))


@dataclass(frozen=True, slots=True)
class Slot:
    """A slot as people choose by it."""

    id: str
    schedule_id: str
    department_id: str
    department: str
    doctor_id: str
    doctor: str
    title: str
    on: date
    period: str
    starts_at: datetime
    ends_at: datetime
    unit_starts_at: datetime
    unit_ends_at: datetime
    fee_fen: int
    left: int
    state: str


def _slots(at: datetime) -> Select[*tuple[Any, ...]]:
    return (
        select(
            SlotRow.id,
            ScheduleRow.id,
            DepartmentRow.id,
            DepartmentRow.name,
            DoctorRow.id,
            DoctorRow.name,
            DoctorRow.title,
            ScheduleRow.on,
            ScheduleRow.period,
            SlotRow.starts_at,
            SlotRow.ends_at,
            ScheduleRow.starts_at,
            ScheduleRow.ends_at,
            SlotRow.fee_fen,
            case((SlotRow.state == SlotState.OPEN, SlotRow.capacity - SlotRow.taken), else_=0),
            SlotRow.state,
        )
        .join(ScheduleRow, ScheduleRow.id == SlotRow.schedule_id)
        .join(DepartmentRow, DepartmentRow.id == ScheduleRow.department_id)
        .join(DoctorRow, DoctorRow.id == ScheduleRow.doctor_id)
        .where(SlotRow.ends_at > at)
    )


async def slots(
    db: AsyncSession,
    at: datetime,
    *,
    day: date | None,
    department_id: str | None,
    doctor_id: str | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[Slot]:
    """Same-day and future slots, by start and id; `department_id` may be of either level."""
    query = _slots(at)
    if day is not None:
        query = query.where(_within(day))
    if department_id is not None:
        query = query.where((DepartmentRow.id == department_id) | (DepartmentRow.parent_id == department_id))
    if doctor_id is not None:
        query = query.where(DoctorRow.id == doctor_id)
    if after is not None:
        query = query.where((SlotRow.starts_at > after[0]) | ((SlotRow.starts_at == after[0]) & (SlotRow.id > after[1])))
    rows = await db.execute(query.order_by(SlotRow.starts_at, SlotRow.id).limit(limit))
    return [Slot(*row) for row in rows]


async def alternatives(db: AsyncSession, slot_id: str, at: datetime, limit: int = 5) -> list[Slot]:
    """For a slot that is sold out or stopped: open places of its department, nearest in time first."""
    asked = select(SlotRow.starts_at, ScheduleRow.department_id).join(ScheduleRow, ScheduleRow.id == SlotRow.schedule_id)
    found = (await db.execute(asked.where(SlotRow.id == slot_id))).one_or_none()
    if found is None:
        return []
    starts_at, department_id = found
    near = func.abs(func.extract("epoch", SlotRow.starts_at - starts_at))
    rows = await db.execute(
        _slots(at)
        .where(
            ScheduleRow.department_id == department_id,
            SlotRow.id != slot_id,
            SlotRow.state == SlotState.OPEN,
            SlotRow.taken < SlotRow.capacity,
        )
        .order_by(near, SlotRow.id)
        .limit(limit)
    )
    return [Slot(*row) for row in rows]
