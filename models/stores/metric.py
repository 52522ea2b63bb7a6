"""How the house stands, in numbers: what waits, for how long, and which loops are kept. For whoever watches from outside."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, exists, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlalchemy.pool import QueuePool

from models.message import NOT_THERE
from models.refund import RefundState
from models.stores import history as histories
from models.stores import message, mirror
from models.stores.database import Database
from models.stores.open_rows import PROCESSES
from models.tables.charge import RefundRow
from models.tables.message import MessageRow
from models.tables.process import InboxRow

LATE = timedelta(minutes=1)
"""After its alarm a row has long moved, or its step still asks outside."""
_LOCKS = text(
    "select objid from pg_locks where locktype = 'advisory' and granted and objsubid = 1 and classid = 0"
    " and database = (select oid from pg_database where datname = current_database())"
)


@dataclass(frozen=True, slots=True)
class Count:
    """How many wait, and how many seconds the oldest has waited."""

    number: int
    oldest_s: float


@dataclass(frozen=True, slots=True)
class Standing:
    """One moment of the database."""

    inbox: dict[str, Count]
    """By process."""
    rows: dict[tuple[str, str], Count]
    """Open rows by process and state; their age since the last move."""
    late: dict[str, int]
    """Open rows by process whose own alarm passed `LATE` ago, and which have not moved."""
    stuck: dict[tuple[str, str], int]
    """Refunds by trouble and office."""
    messages: Count
    undelivered: int
    """Messages about a visit that no phone got, and that nobody has sent again."""
    histories: Count
    """Closed runs not yet archived; their age since they ended."""
    mirror_s: dict[str, int | None]
    loops: dict[str, bool]


async def standing(db: AsyncSession, at: datetime, loops: Mapping[str, int]) -> Standing:
    """`loops`: advisory lock by name."""
    inbox = await db.execute(
        select(InboxRow.process, func.count(), func.min(InboxRow.created_at))
        .where(InboxRow.handled_at.is_(None))
        .group_by(InboxRow.process)
    )
    waiting = and_(MessageRow.state.in_(message.OPEN), MessageRow.due_at <= at)
    due, due_since = (await db.execute(select(func.count(), func.min(MessageRow.due_at)).where(waiting))).one()
    again = aliased(MessageRow)
    lost = and_(MessageRow.state.in_(NOT_THERE), MessageRow.visit_id.is_not(None))
    not_sent_again = ~exists().where(again.resend_of == MessageRow.id)
    undelivered = await db.scalar(select(func.count()).select_from(MessageRow).where(lost, not_sent_again))
    stuck = await db.execute(
        select(RefundRow.trouble, RefundRow.office, func.count())
        .where(RefundRow.state == RefundState.STUCK)
        .group_by(RefundRow.trouble, RefundRow.office)
    )
    unarchived, ended = await histories.waiting(db)
    rows, late = await _open_rows(db, at)
    held = set(await db.scalars(_LOCKS))
    return Standing(
        inbox={process: _count(number, since, at) for process, number, since in inbox},
        rows=rows,
        late=late,
        stuck={(trouble or "none", office or "none"): number for trouble, office, number in stuck},
        messages=_count(due, due_since, at),
        undelivered=undelivered or 0,
        histories=_count(unarchived, ended, at),
        mirror_s=await mirror.ages_s(db, at),
        loops={name: key in held for name, key in loops.items()},
    )


async def _open_rows(db: AsyncSession, at: datetime) -> tuple[dict[tuple[str, str], Count], dict[str, int]]:
    rows: dict[tuple[str, str], Count] = {}
    late: dict[str, int] = {}
    for process, (table, moves) in PROCESSES.items():
        found = await db.execute(
            select(table.state, func.count(), func.min(table.moved_at), func.count().filter(table.wake_at < at - LATE))
            .where(table.state.not_in([str(end) for end in moves.ends()]))
            .group_by(table.state)
        )
        late[process] = 0
        for state, number, since, passed_by in found:
            rows[process, state] = _count(number, since, at)
            late[process] += passed_by
    return rows, late


def connections(database: Database) -> dict[str, int]:
    """Of this process's pool: `in_use`, and `most` that there may be."""
    pool = database.engine.sync_engine.pool
    return {"in_use": pool.checkedout(), "most": pool.size()} if isinstance(pool, QueuePool) else {}


def _count(number: int, since: datetime | None, at: datetime) -> Count:
    return Count(number, max(0.0, (at - since).total_seconds()) if since else 0.0)
