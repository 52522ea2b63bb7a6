"""Suspensions: begun once for a change, whom they still meet, and how far each of them is."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, and_, case, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from models.booking import ClaimState
from models.kernel.errors import DomainError
from models.revisit import State
from models.schedule import SlotState
from models.stores import steps
from models.suspension import MOVES, Outcome, Suspension, SuspensionState, id_of, of_doctor
from models.tables.directory import ScheduleRow, SlotRow
from models.tables.revisit import ClaimRow, RevisitRow
from models.tables.suspension import SuspensionRow, SuspensionVisitRow

_LIVE: Final = ClaimRow.state.in_([ClaimState.HELD, ClaimState.BOOKED])


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
    # Asked first: an insert waits for whoever moves that row; a look that does waits for the 就诊单元, which a pull holds that begins this.
    is_known = await db.scalar(select(SuspensionRow.id).where(SuspensionRow.id == id)) is not None
    if not is_known and (begun := await _begin(db, id, values, at, policy, request)):
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
        await steps.move(db, STORE.table, one, MOVES.again[one.state], mark, {}, None)
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


async def unmet(db: AsyncSession, schedule_id: str) -> list[Met]:
    """Whose visits went by a 停诊 before any suspension met them: at 报到, 接诊 or the settlement."""
    by_any = exists().where(SuspensionVisitRow.revisit_id == ClaimRow.revisit_id)
    gone = ClaimRow.schedule_id == schedule_id, ~_LIVE, ClaimRow.stopped_at.is_not(None), ~by_any
    rows = await db.execute(select(ClaimRow.revisit_id, ClaimRow.id).where(*gone))
    return [Met(revisit_id, claim_id, Outcome.STOPPED) for revisit_id, claim_id in rows]


async def keep(db: AsyncSession, suspension_id: UUID, found: Iterable[Met], at: datetime) -> None:
    """Whom it has told."""
    rows = [{"suspension_id": suspension_id, "revisit_id": one.revisit_id, "outcome": one.outcome, "at": at} for one in found]
    if rows:
        await db.execute(insert(SuspensionVisitRow).values(rows).on_conflict_do_nothing())


async def left(db: AsyncSession, now: Suspension, at: datetime) -> int:
    """How many are still to go, or to be told of their new place; who is in the consulting room is not among them."""
    asked = _concerned(now, at).where(RevisitRow.state != State.CONSULTING)
    return await db.scalar(select(func.count()).select_from(asked.subquery())) or 0
