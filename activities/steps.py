"""How an activity does a step: fence, call outside, move; or just move. Done again, it finds that it was done."""

import asyncio
import functools
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from models.kernel.clock import Clock
from models.kernel.errors import DomainError, Unknown
from models.process import Alarm, AnyRow, Command, Event
from models.stores import steps
from models.stores.database import Database

OUTSIDE = steps.HAND - timedelta(seconds=0.5)
R = TypeVar("R", bound=AnyRow)
Me = TypeVar("Me")
P = ParamSpec("P")


class Done(Exception):  # noqa: N818  (no error: the step was done by an earlier attempt)
    """The key stands in the timeline: the answer is the row as it is."""

    def __init__(self, row: AnyRow) -> None:
        super().__init__("done")
        self.row = row


class _Missed(Exception):  # noqa: N818
    """No row hit; why is asked after the transaction, on a connection that nobody holds."""


class Guard(Generic[R]):
    """The steps of one process over its rows."""

    def __init__(self, database: Database, clock: Clock, store: steps.Store[R]) -> None:
        self.database, self.clock, self.store = database, clock, store

    def step(self, now: R, name: str, why: Event | Alarm | None = None, **detail: Any) -> "Step[R]":
        """`why` is the event that the step serves; without one, or for an alarm, the key is the step and the version it was made from."""
        return Step(self, now, name, why, detail)


class Step(Generic[R]):
    """One step of one row. After `move` its `row` is the process's answer."""

    def __init__(self, guard: Guard[R], now: R, name: str, why: Event | Alarm | None, detail: dict[str, Any]) -> None:
        event = why if isinstance(why, Event) else None
        command = why if isinstance(why, Command) else None
        self.guard, self.now, self.at = guard, now, guard.clock()
        self._mark = steps.Mark(
            key=str(event.id) if event else f"{name}@{now.version}",
            name=name,
            at=self.at,
            by=command.by if command else None,
            body=command.body if command else None,
            request=event.request if event else None,
            event_id=event.id if event else None,
            under_way=event.model_dump(mode="json") if event else None,
            detail=detail,
        )
        self._row: R | None = None
        self._until: datetime | None = None

    @property
    def row(self) -> R:
        if self._row is None:
            raise RuntimeError("the step has not moved the row")
        return self._row

    @property
    def key(self) -> str:
        """Numbers given outside are made of process id and key: the same on every repeat."""
        return self._mark.key

    async def begun(self) -> bool:
        """Whether an earlier attempt fenced it or did it: what was let in once is not turned away by a rule that came in between."""
        async with self.guard.database.reading() as db:
            how = await steps.standing(db, self.guard.store.table, self.now.id, self.key)
        return how.done or how.step == self.key

    @asynccontextmanager
    async def fence(self) -> AsyncGenerator[AsyncSession]:
        """Committed before the call outside. Only this key may call again, and only when the first hand's time is up."""
        try:
            async with self.guard.database.transaction() as db:
                until = await steps.fence(db, self.guard.store.table, self.now, self._mark)
                if until is None:
                    raise _Missed
                yield db
            self._until = until  # rolled back, it fences nothing
        except _Missed:
            await self._explain()

    @asynccontextmanager
    async def give_up(self) -> AsyncGenerator[AsyncSession]:
        """What the outside refused is undone here, and the row is free again. A hand that outlived its time undoes nothing of the next."""
        try:
            async with self.guard.database.transaction() as db:
                if not await steps.give_up(db, self.guard.store.table, self.now, self._mark.key, self._until):
                    raise _Missed
                yield db
        except _Missed:
            await self._explain()

    @asynccontextmanager
    async def asking(self) -> AsyncGenerator[None]:
        """Around the one call of a step that leaves nothing behind when it is refused: the refusal frees the row and goes on."""
        try:
            yield
        except DomainError:
            async with self.give_up():
                pass
            raise

    @asynccontextmanager
    async def move(self, to: str, /, **values: Any) -> AsyncGenerator[AsyncSession]:
        """State, timeline, and whatever the body writes: one transaction. Deadlines stay as they are unless `values` say so."""
        self.guard.store.moves.check(self.now.state, to)
        try:
            async with self.guard.database.transaction() as db:
                row = await steps.move(db, self.guard.store.table, self.now, to, self._mark, values, self._until)
                if row is None:
                    raise _Missed
                self._row = self.guard.store.snapshot(row)
                yield db
        except _Missed:
            await self._explain()

    async def _explain(self) -> None:
        async with self.guard.database.reading() as db:
            how = await steps.standing(db, self.guard.store.table, self.now.id, self._mark.key)
        if how.done and how.row is not None:
            raise Done(self.guard.store.snapshot(how.row)) from None
        if how.version == self.now.version and how.step == self._mark.key:
            raise ApplicationError("step.at_work", type="step.at_work", category=ApplicationErrorCategory.BENIGN) from None
        raise ApplicationError("row.moved", type="row.moved", non_retryable=True, category=ApplicationErrorCategory.BENIGN) from None


@asynccontextmanager
async def outside() -> AsyncGenerator[None]:
    """Around several calls of one step: together they end before another hand may fence. Cut off, their outcome is not known."""
    try:
        async with asyncio.timeout(OUTSIDE.total_seconds()):
            yield
    except TimeoutError:
        raise Unknown("the calls of one step took too long") from None


def step(
    name: str,
) -> Callable[[Callable[Concatenate[Me, R, P], Awaitable[R]]], Callable[Concatenate[Me, R, P], Awaitable[R]]]:
    """An activity that takes the row (and the event) and returns the row."""

    def named(method: Callable[Concatenate[Me, R, P], Awaitable[R]]) -> Callable[Concatenate[Me, R, P], Awaitable[R]]:
        @activity.defn(name=name)
        @functools.wraps(method)
        async def run(self: Me, now: R, /, *args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return await method(self, now, *args, **kwargs)
            except Done as done:
                return done.row  # type: ignore[return-value]

        return run

    return named
