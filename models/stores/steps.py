"""The guard of every step: key, fence and version. What was done under a key is done once, whoever asks again.

A key is the event's id, or `<activity>@<version>` for a step that nobody asked for. See `docs/architecture.md`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final, Generic, TypeVar, cast
from uuid import UUID

from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnElement,
    Select,
    Table,
    Update,
    and_,
    bindparam,
    exists,
    func,
    insert,
    literal,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningUpdate

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
    request: str | None = None
    event_id: UUID | None = None
    under_way: dict[str, Any] | None = None
    detail: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Store(Generic[R]):
    """What the guard needs of one process: its table, its moves, and how a row becomes the snapshot that the process decides by."""

    table: Table
    moves: Moves[Any]
    snapshot: Callable[[dict[str, Any]], R]


_ID, _VERSION, _KEY, _UNTIL = (cast(BindParameter[Any], bindparam(f"its_{name}")) for name in ("id", "version", "key", "until"))
"""Of the row and the step. A statement is written once and then only given its values: to write it takes as long as to carry it out."""


_TIMELINE, _AUDIT, _INBOX = (cast(Table, one.__table__) for one in (TimelineRow, AuditRow, InboxRow))
_TOLD: Final = insert(_TIMELINE)


def _handling() -> Update:
    """Of an inbox row that is open."""
    given = {name: bindparam(name, type_=_INBOX.c[name].type) for name in ("handled_at", "outcome")}
    return update(_INBOX).where(_INBOX.c.id == bindparam("event_id", type_=_INBOX.c.id.type), _INBOX.c.handled_at.is_(None)).values(given)


_HANDLED: Final = _handling()


def _done() -> ColumnElement[bool]:
    return exists(select(TimelineRow.id).where(TimelineRow.process_id == _ID, TimelineRow.step == _KEY))


def _free(table: Table, *, fenced: bool = False) -> ColumnElement[bool]:
    """Fence and move both ask it: the row stands where the process saw it, no other step holds it, and the key was never done.

    A hand that fenced (`until` then) must still be the one that holds it: what it learnt outside may have been undone by the next.
    """
    ours = _held(table) if fenced else or_(table.c.step.is_(None), table.c.step == _KEY)
    return and_(table.c.id == _ID, table.c.version == _VERSION, ours, not_(_done()))


def _held(table: Table) -> ColumnElement[bool]:
    return and_(table.c.step == _KEY, table.c.step_until == _UNTIL)


@cache
def _fencing(table: Table) -> ReturningUpdate[Any]:
    return (
        update(table)
        .where(_free(table), or_(table.c.step.is_(None), table.c.step_until < func.clock_timestamp()))
        .values(step=_KEY, under_way=bindparam("new_under_way"), step_until=func.clock_timestamp() + HAND)
        .returning(table.c.step_until)
    )


@cache
def _giving_up(table: Table) -> ReturningUpdate[Any]:
    return (
        update(table)
        .where(table.c.id == _ID, table.c.version == _VERSION, _held(table))
        .values(step=None, under_way=None, step_until=None)
        .returning(table.c.id)
    )


_SAID: Final = ("step", "name", "before", "after", "by", "body", "at", "detail")


@cache
def _moving(table: Table, names: frozenset[str], *, fenced: bool, asked_by_one: bool, answers: bool) -> Select[Any]:
    """One for each set of columns that some step writes, with all that is said of it: one way to PostgreSQL and back."""
    moved = (
        update(table)
        .where(_free(table, fenced=fenced))
        .values(
            version=table.c.version + 1,
            step=None,
            under_way=None,
            step_until=None,
            **{name: bindparam(f"new_{name}") for name in names},
        )
        .returning(*table.c)
        .cte("moved")
    )
    process, visit_id = literal(_process(table)), moved.c.get("visit_id", moved.c.id)
    said = {name: bindparam(f"said_{name}", type_=_TIMELINE.c[name].type) for name in _SAID}
    told = {"process": process, "process_id": moved.c.id, "visit_id": visit_id, "version": moved.c.version} | said
    beside: list[CTE] = [insert(_TIMELINE).from_select([*told], select(*told.values()).select_from(moved)).cte("told")]
    if asked_by_one:
        audited = {
            "account_id": said["by"],
            "action": said["name"],
            "subject": process,
            "subject_id": moved.c.id,
            "detail": said["detail"],
        }
        beside.append(insert(_AUDIT).from_select([*audited], select(*audited.values()).select_from(moved)).cte("audited"))
    if answers:
        beside.append(_handling().where(exists(select(moved.c.id))).cte("handled"))
    return select(moved).add_cte(*beside)


def _of(now: AnyRow, key: str, until: datetime | None = None) -> dict[str, Any]:
    return {"its_id": now.id, "its_version": now.version, "its_key": key} | ({"its_until": until} if until else {})


async def fence(db: AsyncSession, table: Table, now: AnyRow, mark: Mark) -> datetime | None:
    """Says who is about to call outside and what for, in a transaction of its own; answers until when. None: not ours to call."""
    return await db.scalar(_fencing(table), _of(now, mark.key) | {"new_under_way": mark.under_way})


async def give_up(db: AsyncSession, table: Table, now: AnyRow, key: str, until: datetime | None) -> bool:
    """The outside refused and nothing is left there: the row is free for the next wish.

    False: it is no more in the hand that fenced until then.
    """
    return await db.scalar(_giving_up(table), _of(now, key) | {"its_until": until}) is not None


def _process(table: Table) -> str:
    """Whose rows a table has; one that bears another name says so."""
    return str(table.info.get("process", table.name))


def _asked_by(mark: Mark) -> dict[str, Any]:
    return {"request": mark.request} if mark.request else {}


async def move(
    db: AsyncSession, table: Table, now: AnyRow, to: str, mark: Mark, values: dict[str, Any], until: datetime | None
) -> dict[str, Any] | None:
    """The row's next state with its timeline entry, and the inbox row that asked for it handled. None: not ours to move."""
    written = {"state": to, "moved_at": mark.at, **_asked_by(mark), **values}
    asked_by_one, answers = mark.by is not None, mark.event_id is not None
    moved = _moving(table, frozenset(written), fenced=until is not None, asked_by_one=asked_by_one, answers=answers)
    said = {
        "said_step": mark.key,
        "said_name": mark.name,
        "said_before": now.state.value,
        "said_after": to,
        "said_by": mark.by,
        "said_body": mark.body,
        "said_at": mark.at,
        "said_detail": mark.detail,
    }
    answered = {"event_id": mark.event_id, "handled_at": mark.at, "outcome": "done"} if answers else {}
    given = _of(now, mark.key, until) | {f"new_{name}": value for name, value in written.items()} | said | answered
    row = (await db.execute(moved, given)).mappings().one_or_none()
    return dict(row) if row else None


async def open(
    db: AsyncSession, table: Table, id: UUID, state: str, *, by: UUID, at: datetime, due_at: datetime, request: str, **values: Any
) -> None:
    """A row that a person (`by`, its account) opens, with the first entry of its timeline; its run is started after this transaction.

    `due_at` is its first alarm too. `values` are the process's own columns. A row that another process wants has no such entry: there
    the step that wanted it stands in the timeline.
    """
    first = {"id": id, "state": state, "account_id": by, "created_at": at, "moved_at": at, "due_at": due_at, "wake_at": due_at}
    await db.execute(insert(table), first | {"request": request or None} | values)
    await db.execute(
        _TOLD,
        {
            "process": _process(table),
            "process_id": id,
            "visit_id": values.get("visit_id", id),
            "step": "open",
            "name": f"{_process(table)}.open",
            "version": 0,
            "before": "",
            "after": state,
            "by": by,
            "at": at,
        },
    )


async def handled(db: AsyncSession, inbox_id: UUID, at: datetime, outcome: str) -> None:
    """Closes an inbox row; closed already is closed."""
    await db.execute(_HANDLED, {"event_id": inbox_id, "handled_at": at, "outcome": outcome})


@dataclass(frozen=True, slots=True)
class Standing:
    """Why a step could neither fence nor move, asked after its transaction."""

    done: bool
    version: int | None
    step: str | None
    row: dict[str, Any] | None


async def standing(db: AsyncSession, table: Table, process_id: UUID, key: str) -> Standing:
    """One read: is the key in the timeline, and how does the row stand."""
    asked = select(*table.c, _done().label("key_done")).where(table.c.id == _ID)
    found = (await db.execute(asked, {"its_id": process_id, "its_key": key})).mappings().one_or_none()
    if found is None:
        return Standing(False, None, None, None)
    row = dict(found)
    return Standing(bool(row.pop("key_done")), row["version"], row["step"], row)
