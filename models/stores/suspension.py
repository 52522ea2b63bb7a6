"""Suspensions: begun once for a change, whom they still meet, and how far each of them is."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, and_, case, exists, func, or_, select, true, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.booking import ClaimState
from models.kernel.errors import DomainError
from models.message import NOT_THERE, MessageState, Template
from models.refund import RefundState
from models.revisit import HOLDING, State
from models.schedule import SlotState
from models.stores import steps
from models.suspension import MOVES, Outcome, Suspension, SuspensionState, id_of, of_doctor
from models.tables.charge import RefundRow
from models.tables.directory import ScheduleRow, SlotRow
from models.tables.message import MessageRow
from models.tables.revisit import ClaimRow, RevisitRow
from models.tables.suspension import SuspensionRow, SuspensionVisitRow

_LIVE: Final = ClaimRow.state.in_([ClaimState.HELD, ClaimState.BOOKED])
_GONE_BACK: Final = (RefundState.ARRIVED, RefundState.PAID_OUT)


def snapshot(row: dict[str, Any]) -> Suspension:
    """The row as the process sees it."""
    return Suspension.model_validate(row, extra="ignore")


STORE = steps.Store(cast(Table, SuspensionRow.__table__), MOVES, snapshot)


async def load(db: AsyncSession, suspension_id: UUID) -> Suspension:
    row = (await db.execute(select(*SuspensionRow.__table__.c).where(SuspensionRow.id == suspension_id))).mappings().one_or_none()
    if row is None:
        raise DomainError("suspension.missing", "missing")
    return snapshot(dict(row))


async def begin(db: AsyncSession, schedule_id: str, version: str, at: datetime, *, policy: str, request: str = "") -> UUID | None:
    """Of a 就诊单元 in a version that is newer than our copy's; None: that one is at work already, whoever told it first.

    One that has ended looks again: what it was shown then was older than what it had been told, or nothing.
    """
    values, id = {"schedule_id": schedule_id, "schedule_version": version}, id_of(schedule_id, version)
    if begun := await _begin(db, id, values, at, policy, request):
        return begun
    return id if await _again(db, and_(SuspensionRow.id == id, SuspensionRow.state.in_(MOVES.ends())), at) else None


async def wake(db: AsyncSession, schedule_ids: Collection[str], at: datetime) -> list[UUID]:
    """The HIS speaks of these 就诊单元: what ended because it knew none looks again. The sweep begins their runs."""
    return await _again(db, and_(SuspensionRow.state == SuspensionState.UNKNOWN, SuspensionRow.schedule_id.in_(schedule_ids)), at)


async def _again(db: AsyncSession, which: ColumnElement[bool], at: datetime) -> list[UUID]:
    ended = select(*SuspensionRow.__table__.c).where(which)
    found = [snapshot(dict(row)) for row in (await db.execute(ended.with_for_update())).mappings()]
    for one in found:
        mark = steps.Mark(key=f"suspension.wake@{one.version}", name="suspension.look", at=at)
        await steps.move(db, STORE.table, one, SuspensionState.LOOKING, mark, {}, None)
    return [one.id for one in found]


async def begin_of_doctor(db: AsyncSession, doctor_id: str, by: UUID, at: datetime, *, policy: str, request: str = "") -> UUID | None:
    """Of all their 就诊单元 from now on."""
    return await _begin(db, of_doctor(doctor_id, at), {"doctor_id": doctor_id, "account_id": by}, at, policy, request)


async def _begin(db: AsyncSession, id: UUID, values: Mapping[str, object], at: datetime, policy: str, request: str) -> UUID | None:
    row: dict[str, object] = {
        "id": id,
        "state": SuspensionState.LOOKING,
        "policy": policy,
        "created_at": at,
        "moved_at": at,
        "request": request or None,
    }
    return await db.scalar(insert(SuspensionRow).values(**row, **values).on_conflict_do_nothing().returning(SuspensionRow.id))


async def looks(db: AsyncSession, suspension_id: UUID) -> int:
    """How often it was looked whether everybody has gone."""
    return await db.scalar(select(SuspensionRow.looks).where(SuspensionRow.id == suspension_id)) or 0


@dataclass(frozen=True, slots=True)
class Met:
    """A visit with a live claim that a suspension meets."""

    revisit_id: UUID
    claim_id: UUID
    outcome: Outcome


def _concerned(now: Suspension, at: datetime) -> Select[UUID, UUID, str]:
    """Live claims in its 就诊单元 whose place has stopped, has been stopped though it may be open again, or is no more what the visit was
    told. What is over meets nobody."""
    stopped = or_(SlotRow.state == SlotState.STOPPED, ClaimRow.stopped_at.is_not(None))
    moved = or_(
        RevisitRow.doctor_id != ScheduleRow.doctor_id,
        RevisitRow.slot_starts_at != SlotRow.starts_at,
        RevisitRow.unit_ends_at != ScheduleRow.ends_at,
    )
    outcome = case(
        (RevisitRow.state == State.CONSULTING, Outcome.LEFT_ALONE.value),
        (stopped, Outcome.STOPPED.value),
        else_=Outcome.REARRANGED.value,
    )
    whose = ScheduleRow.doctor_id == now.doctor_id if now.doctor_id else ScheduleRow.id == now.schedule_id
    return (
        select(RevisitRow.id, ClaimRow.id, outcome)
        .select_from(ClaimRow)
        .join(RevisitRow, RevisitRow.id == ClaimRow.revisit_id)
        .join(SlotRow, SlotRow.id == ClaimRow.slot_id)
        .join(ScheduleRow, ScheduleRow.id == ClaimRow.schedule_id)
        .where(_LIVE, whose, or_(stopped, moved), ScheduleRow.ends_at > at)
    )


async def met(db: AsyncSession, now: Suspension, at: datetime, limit: int) -> list[Met]:
    """Whom it meets and has not told yet. Whom an earlier one has left alone in the consulting room is not listed again."""
    its_own, earlier = SuspensionVisitRow.suspension_id == now.id, SuspensionVisitRow.outcome == Outcome.LEFT_ALONE
    seen = or_(its_own, and_(RevisitRow.state == State.CONSULTING, earlier))
    told = exists().where(SuspensionVisitRow.revisit_id == RevisitRow.id, seen)
    rows = await db.execute(_concerned(now, at).where(~told).order_by(SlotRow.starts_at, ClaimRow.id).limit(limit))
    return [Met(revisit_id, claim_id, Outcome(outcome)) for revisit_id, claim_id, outcome in rows]


async def keep(db: AsyncSession, suspension_id: UUID, found: Iterable[Met], at: datetime) -> None:
    """Whom it has told."""
    rows = [{"suspension_id": suspension_id, "revisit_id": one.revisit_id, "outcome": one.outcome, "at": at} for one in found]
    if rows:
        await db.execute(insert(SuspensionVisitRow).values(rows).on_conflict_do_nothing())


async def left(db: AsyncSession, now: Suspension, at: datetime) -> int:
    """How many are still to go, or to be told of their new place; who is in the consulting room is not among them."""
    asked = _concerned(now, at).where(RevisitRow.state != State.CONSULTING)
    return await db.scalar(select(func.count()).select_from(asked.subquery())) or 0


@dataclass(frozen=True, slots=True)
class Cause:
    """A suspension to a visit that it met: what it brought, and whose word it is."""

    suspension_id: UUID
    outcome: Outcome
    met_at: datetime
    known_at: datetime
    """Since when the house knows of the change."""
    schedule_id: str | None
    doctor_id: str | None
    by: UUID | None
    """Who of the management suspended the doctor."""


CAUSE: Final[tuple[Any, ...]] = (
    *(SuspensionVisitRow.suspension_id, SuspensionVisitRow.outcome, SuspensionVisitRow.at, SuspensionRow.created_at),
    *(SuspensionRow.schedule_id, SuspensionRow.doctor_id, SuspensionRow.account_id),
)
"""A `Cause`, in its order."""


async def causes(db: AsyncSession, revisit_id: UUID) -> list[Cause]:
    """Those that met a visit, in their order."""
    found = select(*CAUSE).join(SuspensionRow, SuspensionRow.id == SuspensionVisitRow.suspension_id)
    rows = await db.execute(found.where(SuspensionVisitRow.revisit_id == revisit_id).order_by(SuspensionVisitRow.at, SuspensionRow.id))
    return [Cause(id, Outcome(outcome), *others) for id, outcome, *others in rows]


@dataclass(frozen=True, slots=True)
class Progress:
    """Of a suspension's visits: how many it found, and how far they are.

    Once it is done, `stopped` is `moved` and `left_otherwise`.
    """

    stopped: int
    rearranged: int
    left_alone: int
    moved: int
    left_otherwise: int
    """An end of their own came first, or their doctor."""
    refunded: int
    arrived: int
    told: int
    unreached: int
    """The message about it is with nobody: refused by the carrier, or given up by the phone's network."""


@dataclass(frozen=True, slots=True)
class Told:
    """A suspension as the management reads it."""

    id: UUID
    state: SuspensionState
    schedule_id: str | None
    schedule_version: str | None
    doctor_id: str | None
    created_at: datetime
    moved_at: datetime
    progress: Progress


_V: Final = SuspensionVisitRow
_LEFT_ALONE: Final = and_(_V.outcome == Outcome.LEFT_ALONE, RevisitRow.state != State.SUSPENDED)
_STOPPED: Final = or_(_V.outcome == Outcome.STOPPED, and_(_V.outcome == Outcome.LEFT_ALONE, RevisitRow.state == State.SUSPENDED))
"""Who was called when it was found and never came in has gone by it after all."""
_REFUND: Final = exists().where(RefundRow.visit_id == _V.revisit_id)
_ABOUT_IT: Final = exists().where(
    MessageRow.visit_id == _V.revisit_id,
    or_(
        and_(_STOPPED, MessageRow.template == Template.REVISIT_SUSPENDED),
        and_(_V.outcome == Outcome.REARRANGED, MessageRow.template == Template.REVISIT_REARRANGED, MessageRow.due_at >= _V.at),
    ),
)
"""A visit is stopped once, and rearranged as often as the HIS likes: what was due before it was found is of an earlier change."""
_REACHED: Final = _ABOUT_IT.where(MessageRow.state.in_([MessageState.SENT, MessageState.DELIVERED]))
_UNREACHED: Final = and_(_ABOUT_IT.where(MessageRow.state.in_(NOT_THERE)), ~_REACHED)
_LEFT_OTHERWISE: Final = and_(_STOPPED, RevisitRow.state.not_in([*HOLDING, State.CLOSING, State.SUSPENDED]))


def _telling() -> Select[*tuple[Any, ...]]:
    counted = [
        func.count().filter(_STOPPED),
        func.count().filter(_V.outcome == Outcome.REARRANGED),
        func.count().filter(_LEFT_ALONE),
        func.count().filter(_STOPPED, RevisitRow.state == State.SUSPENDED),
        func.count().filter(_LEFT_OTHERWISE),
        func.count().filter(_STOPPED, _REFUND),
        func.count().filter(_STOPPED, _REFUND.where(RefundRow.state.in_(_GONE_BACK))),
        func.count().filter(_REACHED),
        func.count().filter(_UNREACHED),
    ]
    of_its_visits = (
        select(*(one.label(f"n{number}") for number, one in enumerate(counted)))
        .select_from(_V)
        .join(RevisitRow, RevisitRow.id == _V.revisit_id)
        .where(_V.suspension_id == SuspensionRow.id)
        .lateral("counted")
    )
    return select(SuspensionRow, *of_its_visits.c).join(of_its_visits, true())


async def told(db: AsyncSession, suspension_id: UUID) -> Told:
    """One of them. Raises `suspension.missing`."""
    row = (await db.execute(_telling().where(SuspensionRow.id == suspension_id))).one_or_none()
    if row is None:
        raise DomainError("suspension.missing", "missing")
    return _told(*row)


async def listed(db: AsyncSession, after: tuple[datetime, UUID] | None, limit: int) -> list[Told]:
    """Newest first."""
    query = _telling()
    if after is not None:
        query = query.where(tuple_(SuspensionRow.created_at, SuspensionRow.id) < after)
    rows = await db.execute(query.order_by(SuspensionRow.created_at.desc(), SuspensionRow.id.desc()).limit(limit))
    return [_told(*row) for row in rows]


def _told(row: SuspensionRow, *counted: int) -> Told:
    return Told(
        row.id,
        SuspensionState(row.state),
        row.schedule_id,
        row.schedule_version,
        row.doctor_id,
        row.created_at,
        row.moved_at,
        Progress(*counted),
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """Visits that somebody may have to look at, in the order in which they were found."""

    left_alone: list[UUID]
    left_otherwise: list[UUID]
    unreached: list[UUID]


async def visits(db: AsyncSession, suspension_id: UUID) -> Listed:
    """Those of one suspension."""
    marks = (_LEFT_ALONE, _LEFT_OTHERWISE, _UNREACHED)
    query = select(_V.revisit_id, *marks).join(RevisitRow, RevisitRow.id == _V.revisit_id).where(_V.suspension_id == suspension_id)
    rows = (await db.execute(query.where(or_(*marks)).order_by(_V.at, _V.revisit_id))).all()
    return Listed(*([row[0] for row in rows if row[number]] for number in (1, 2, 3)))
