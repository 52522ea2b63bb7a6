"""The doctor's lists and the patient's place in them. A doctor reaches the 就诊单元 and the visits that are theirs, by the SQL."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from models.kernel.clock import business_day
from models.kernel.errors import DomainError, known
from models.queue import LISTED, QueueList, Unit
from models.revisit import State, queue_key
from models.stores.database import vault
from models.stores.reader import Reach, listed
from models.tables.directory import DepartmentRow, DoctorRow, ScheduleRow
from models.tables.patient import PatientRow
from models.tables.revisit import ChatRow, RevisitRow

UNITS_MAX = 50
_QUEUE_KEY = func.coalesce(RevisitRow.passed_over_at, RevisitRow.checked_in_at)
"""`models.revisit.queue_key` in SQL."""


def _in_list(which: QueueList) -> ColumnElement[bool]:
    return and_(RevisitRow.state.in_([state for state, list_ in LISTED.items() if list_ is which]), listed())


def _order(which: QueueList) -> ColumnElement[datetime]:
    """待报到 by slot, 待接诊 by queue, 问诊中 by check-in, 已结束 by its end."""
    match which:
        case QueueList.BOOKED:
            return func.coalesce(RevisitRow.slot_starts_at, RevisitRow.created_at)
        case QueueList.WAITING:
            return _QUEUE_KEY
        case QueueList.CONSULTING:
            return func.coalesce(RevisitRow.checked_in_at, RevisitRow.created_at)
        case QueueList.ENDED:
            return func.coalesce(RevisitRow.ended_at, RevisitRow.moved_at)


def _units(account_id: UUID) -> Select[*tuple[Any, ...]]:
    counts = [func.count().filter(_in_list(which)) for which in QueueList]
    return (
        select(
            ScheduleRow.id,
            DepartmentRow.name,
            ScheduleRow.on,
            ScheduleRow.period,
            ScheduleRow.starts_at,
            ScheduleRow.ends_at,
            *counts,
        )
        .join(DoctorRow, DoctorRow.id == ScheduleRow.doctor_id)
        .join(DepartmentRow, DepartmentRow.id == ScheduleRow.department_id)
        .outerjoin(RevisitRow, and_(RevisitRow.schedule_id == ScheduleRow.id, RevisitRow.doctor_id == DoctorRow.id))
        .where(DoctorRow.account_id == account_id)
        .group_by(ScheduleRow.id, DepartmentRow.name)
    )


def _unit(row: Row[*tuple[Any, ...]]) -> Unit:
    id, department, on, period, starts_at, ends_at, *counts = row
    return Unit(
        id=id,
        department=department,
        on=on,
        period=period,
        starts_at=starts_at,
        ends_at=ends_at,
        counts=dict(zip(QueueList, counts, strict=True)),
    )


async def units(db: AsyncSession, account_id: UUID, at: datetime) -> list[Unit]:
    """The doctor's 就诊单元 of today, and earlier ones that still run or hold someone who waits or is being seen."""
    today = business_day(at)
    unfinished = (
        select(RevisitRow.schedule_id)
        .join(DoctorRow, DoctorRow.id == RevisitRow.doctor_id)
        .where(DoctorRow.account_id == account_id, RevisitRow.state.in_([State.WAITING, State.CONSULTING]))
    )
    still = or_(ScheduleRow.on == today, ScheduleRow.ends_at > at, ScheduleRow.id.in_(unfinished))
    query = _units(account_id).where(ScheduleRow.on <= today, still).order_by(ScheduleRow.starts_at.desc(), ScheduleRow.id).limit(UNITS_MAX)
    return [_unit(row) for row in reversed((await db.execute(query)).all())]


async def unit(db: AsyncSession, account_id: UUID, schedule_id: str) -> Unit:
    """Raises `queue.missing` for a 就诊单元 that is not this doctor's, as for one that is not there."""
    row = (await db.execute(_units(account_id).where(ScheduleRow.id == schedule_id))).one_or_none()
    if row is None:
        raise DomainError("queue.missing", "missing")
    return _unit(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A visit as its doctor's list shows it; `key` is its place in the order of the list."""

    id: UUID
    version: int
    state: State
    name: str
    birth_on: date
    slot_starts_at: datetime | None
    checked_in_at: datetime | None
    called_at: datetime | None
    entered: bool
    passed_over: bool
    ended_at: datetime | None
    position: int
    chat_number: int
    refill: bool
    unstable: bool
    key: datetime


async def rows(
    db: AsyncSession, account_id: UUID, schedule_id: str, which: QueueList, after: tuple[datetime, UUID] | None, limit: int
) -> list[Listed]:
    """One list of a 就诊单元 in its order: 已结束 newest first, all others oldest first."""
    key, newest_first = _order(which), which is QueueList.ENDED
    place = (key.desc(), RevisitRow.id.desc()) if newest_first else (key, RevisitRow.id)
    whole = (
        select(RevisitRow.id, key.label("key"), func.row_number().over(order_by=place).label("position"))
        .join(DoctorRow, DoctorRow.id == RevisitRow.doctor_id)
        .where(DoctorRow.account_id == account_id, RevisitRow.schedule_id == schedule_id, _in_list(which))
        .subquery()
    )
    said = select(func.coalesce(func.max(ChatRow.number), 0)).where(ChatRow.revisit_id == RevisitRow.id).scalar_subquery()
    query = (
        select(RevisitRow, PatientRow, whole.c.position, said, whole.c.key)
        .join(whole, whole.c.id == RevisitRow.id)
        .join(PatientRow, PatientRow.id == RevisitRow.patient_id)
    )
    if after is not None:
        here, there = tuple_(whole.c.key, whole.c.id), tuple_(*after)
        query = query.where(here < there if newest_first else here > there)
    found = await db.execute(query.order_by(whole.c.position).limit(limit))
    box = vault(db)
    return [
        Listed(
            id=visit.id,
            version=visit.version,
            state=State(visit.state),
            name=box.open("patient.name", patient.id, patient.name),
            birth_on=patient.birth_on,
            slot_starts_at=visit.slot_starts_at,
            checked_in_at=visit.checked_in_at,
            called_at=visit.called_at,
            entered=visit.entered_at is not None,
            passed_over=visit.passed_over_at is not None,
            ended_at=visit.ended_at,
            position=position,
            chat_number=chat_number,
            refill=visit.past_prescription is not None,
            unstable=bool(visit.unstable),
            key=at,
        )
        for visit, patient, position, chat_number, at in found
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A patient's place: how many are `ahead`, in the queue or (before 报到) of whoever would join it now."""

    state: State
    slot_starts_at: datetime | None
    unit: tuple[datetime, datetime] | None
    waiting: int
    ahead: int
    consulting: int
    passed_over: bool
    called_at: datetime | None
    entered: bool
    due_at: datetime | None


async def place(db: AsyncSession, revisit_id: UUID, reach: Reach) -> Place:
    """Raises `revisit.missing`."""
    found = await db.execute(
        select(RevisitRow, ScheduleRow.starts_at, ScheduleRow.ends_at)
        .outerjoin(ScheduleRow, ScheduleRow.id == RevisitRow.schedule_id)
        .where(RevisitRow.id == revisit_id, reach.condition())
    )
    one = found.one_or_none()
    if one is None:
        raise DomainError("revisit.missing", "missing")
    visit, starts_at, ends_at = one
    waits = RevisitRow.state == State.WAITING
    before: ColumnElement[bool] = waits
    if visit.state == State.WAITING:
        mine = queue_key(known(visit.checked_in_at), visit.passed_over_at)
        before = and_(waits, tuple_(_QUEUE_KEY, RevisitRow.id) < tuple_(mine, visit.id))
    counts = select(
        func.count().filter(waits), func.count().filter(before), func.count().filter(RevisitRow.state == State.CONSULTING)
    ).where(RevisitRow.doctor_id == visit.doctor_id, RevisitRow.schedule_id == visit.schedule_id)
    waiting, ahead, consulting = (await db.execute(counts)).one()
    return Place(
        state=State(visit.state),
        slot_starts_at=visit.slot_starts_at,
        unit=(starts_at, ends_at) if starts_at else None,
        waiting=waiting,
        ahead=ahead,
        consulting=consulting,
        passed_over=visit.passed_over_at is not None,
        called_at=visit.called_at,
        entered=visit.entered_at is not None,
        due_at=visit.due_at,
    )
