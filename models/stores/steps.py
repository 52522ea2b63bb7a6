"""The guard of every step: key, fence and version. What was done under a key is done once, whoever asks again.

A key is the event's id, or `<activity>@<version>` for a step that nobody asked for. See `docs/architecture.md`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Table, and_, exists, func, insert, not_, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from models.process import AnyRow, Moves
from models.tables.process import AuditRow, InboxRow, TimelineRow

R = TypeVar("R", bound=AnyRow)
HAND = timedelta(seconds=6)
"""How long the hand that fenced may be at work: longer than a gateway's limit, shorter than an attempt of the step."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What the timeline will say of a step."""

    key: str
    name: str
    at: datetime
    by: UUID | None = None
    body: str | None = None
    event_id: UUID | None = None
    under_way: dict[str, Any] | None = None
    detail: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Store(Generic[R]):
    """What the guard needs of one process: its table, its moves, and how a row becomes the snapshot that the process decides by."""

    table: Table
    moves: Moves[Any]
    snapshot: Callable[[dict[str, Any]], R]


def _done(process_id: UUID, key: str) -> ColumnElement[bool]:
    return exists(select(TimelineRow.id).where(TimelineRow.process_id == process_id, TimelineRow.step == key))


def _free(table: Table, now: AnyRow, key: str, until: datetime | None = None) -> ColumnElement[bool]:
    """Fence and move both ask it: the row stands where the process saw it, no other step holds it, and the key was never done.

    A hand that fenced (`until` then) must still be the one that holds it: what it learnt outside may have been undone by the next.
    """
    ours = or_(table.c.step.is_(None), table.c.step == key) if until is None else _held(table, key, until)
    return and_(table.c.id == now.id, table.c.version == now.version, ours, not_(_done(now.id, key)))


def _held(table: Table, key: str, until: datetime | None) -> ColumnElement[bool]:
    return and_(table.c.step == key, table.c.step_until == until)


async def fence(db: AsyncSession, table: Table, now: AnyRow, mark: Mark) -> datetime | None:
    """Says who is about to call outside and what for, in a transaction of its own; answers until when. None: not ours to call."""
    taken = (
        update(table)
        .where(_free(table, now, mark.key), or_(table.c.step.is_(None), table.c.step_until < func.clock_timestamp()))
        .values(step=mark.key, under_way=mark.under_way, step_until=func.clock_timestamp() + HAND)
        .returning(table.c.step_until)
    )
    return await db.scalar(taken)


async def give_up(db: AsyncSession, table: Table, now: AnyRow, key: str, until: datetime | None) -> bool:
    """The outside refused and nothing is left there: the row is free for the next wish.

    False: it is no more in the hand that fenced until then.
    """
    given_up = (
        update(table)
        .where(table.c.id == now.id, table.c.version == now.version, _held(table, key, until))
        .values(step=None, under_way=None, step_until=None)
        .returning(table.c.id)
    )
    return await db.scalar(given_up) is not None


async def move(
    db: AsyncSession, table: Table, now: AnyRow, to: str, mark: Mark, values: dict[str, Any], until: datetime | None
) -> dict[str, Any] | None:
    """The row's next state with its timeline entry, and the inbox row that asked for it handled. None: not ours to move."""
    moved = (
        update(table)
        .where(_free(table, now, mark.key, until))
        .values(state=to, version=table.c.version + 1, step=None, under_way=None, step_until=None, moved_at=mark.at, **values)
        .returning(*table.c)
    )
    row = (await db.execute(moved)).mappings().one_or_none()
    if row is None:
        return None
    await db.execute(
        insert(TimelineRow).values(
            process=table.name,
            process_id=now.id,
            visit_id=row.get("visit_id", now.id),
            step=mark.key,
            name=mark.name,
            version=row["version"],
            before=now.state.value,
            after=to,
            by=mark.by,
            body=mark.body,
            at=mark.at,
            detail=mark.detail,
        )
    )
    if mark.by:
        await db.execute(
            insert(AuditRow).values(account_id=mark.by, action=mark.name, subject=table.name, subject_id=now.id, detail=mark.detail)
        )
    if mark.event_id:
        await handled(db, mark.event_id, mark.at, "done")
    return dict(row)


async def handled(db: AsyncSession, inbox_id: UUID, at: datetime, outcome: str) -> None:
    """Closes an inbox row; closed already is closed."""
    await db.execute(update(InboxRow).where(InboxRow.id == inbox_id, InboxRow.handled_at.is_(None)).values(handled_at=at, outcome=outcome))


@dataclass(frozen=True, slots=True)
class Standing:
    """Why a step could neither fence nor move, asked after its transaction."""

    done: bool
    version: int | None
    step: str | None
    row: dict[str, Any] | None


async def standing(db: AsyncSession, table: Table, process_id: UUID, key: str) -> Standing:
    """One read: is the key in the timeline, and how does the row stand."""
    found = (
        (await db.execute(select(*table.c, _done(process_id, key).label("key_done")).where(table.c.id == process_id)))
        .mappings()
        .one_or_none()
    )
    if found is None:
        return Standing(False, None, None, None)
    row = dict(found)
    return Standing(bool(row.pop("key_done")), row["version"], row["step"], row)
