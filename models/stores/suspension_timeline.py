"""What suspensions did, as people read it: to the management how far their visits are, to a visit what met it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Select, and_, exists, func, or_, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from models.kernel.errors import DomainError
from models.message import NOT_THERE, MessageState, Template
from models.refund import RefundState
from models.revisit import HOLDING, State
from models.suspension import Outcome, SuspensionState
from models.tables.charge import RefundRow
from models.tables.message import MessageRow
from models.tables.revisit import RevisitRow
from models.tables.suspension import SuspensionRow, SuspensionVisitRow

_GONE_BACK: Final = (RefundState.ARRIVED, RefundState.PAID_OUT)


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
