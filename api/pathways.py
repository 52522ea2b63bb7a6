"""How a person's action reaches a process.

Rights and version in one read, the timeline by key, the Update under the command's id, and an honest answer when it lasts.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import structlog
from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.client import WorkflowFailureError, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from api.wiring import Wired
from models.kernel.errors import DomainError, Kind
from models.pathways import PATHWAYS
from models.process import Command, allowed
from models.refill import Look
from models.stores import inbox, timeline
from models.stores.database import Database
from models.stores.reader import Reach
from models.stores.timeline import Position
from workflows.runs import UNKNOWN, Runs

ANSWER_S = 8.0
"""How long a caller waits; then the wish is kept and the screen follows the timeline."""
REACH_S = 1.0

KINDS: frozenset[Kind] = frozenset({"malformed", "forbidden", "missing", "conflict", "invalid", "limited"})
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Answer:
    """`done`: carried out; `state` and `version` are what it led to, the same on every repeat.

    Not done: kept, and carried on; the timeline tells.
    """

    id: UUID
    done: bool
    state: str
    version: int
    at: datetime | None
    replayed: bool


class _OutcomeUnknown(Exception):  # noqa: N818
    """The Update may or may not have been taken: repeated under the same id."""


class Pathways:
    """The only door of people to processes."""

    def __init__(self, database: Database, runs: Runs, healthy: Callable[[], Awaitable[bool]]) -> None:
        self.database, self.runs, self._healthy = database, runs, healthy

    async def ask(
        self, process: str, position: Callable[[AsyncSession], Awaitable[Position]], wish: Callable[[Position], Command]
    ) -> Answer:
        """`position` reads rights and version; `wish` makes the command from it. Raises refusals as `DomainError`; nothing is half done."""
        began = time.monotonic()
        async with self.database.reading() as db:
            where = await position(db)
            asked = wish(where)
            before = await timeline.done(db, where.id, str(asked.id))
        if before:
            return _answer(where.id, before, asked, replayed=True)
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._update(process, where, asked)
        except (TimeoutError, _OutcomeUnknown):
            found = None
        else:
            found = await self._done(where.id, asked)
        return found or await self._keep(process, where, asked, began)

    async def look(self, wish: Look) -> None:
        """Past prescriptions are looked at in the HIS, and kept where screens read. Raises `refill.not_told` when it says nothing."""
        try:
            async with asyncio.timeout(ANSWER_S):
                told = await self.runs.look(wish)
        except (TimeoutError, RPCError, WorkflowFailureError):
            told = False
        if not told:
            raise DomainError("refill.not_told", "unavailable")

    async def _update(self, process: str, where: Position, asked: Command) -> None:
        try:
            await self.runs.ask(process, where.id, asked)
        except WorkflowUpdateFailedError as failed:
            if await self._done(where.id, asked):
                return
            raise await self._refusal(process, where, asked, failed) from failed
        except (RPCError, WorkflowUpdateRPCTimeoutOrCancelledError) as lost:
            if isinstance(lost, RPCError) and lost.status is RPCStatusCode.NOT_FOUND:
                raise await self._not_there(process, where, asked) from lost
            raise _OutcomeUnknown from lost

    async def _refusal(self, process: str, where: Position, asked: Command, failed: WorkflowUpdateFailedError) -> Exception:
        """A refusal counts unless the fence is held by this very key: then it is being carried out."""
        cause = failed.cause
        code = cause.type if isinstance(cause, ApplicationError) else None
        if not isinstance(cause, ApplicationError) or code is None or code in UNKNOWN:
            return _OutcomeUnknown()
        now = await self._stand(process, where.id)
        if now and now.step == str(asked.id):
            return _OutcomeUnknown()
        if code == f"{process}.not_now" or (code.startswith("process.") and code != "process.busy"):
            return _not_now(process, now or where)
        details: dict[str, Any] = dict(cause.details[0]) if cause.details else {}
        kind = details.get("kind")
        params: dict[str, Any] = details.get("params") or {}
        return DomainError(code, kind if kind in KINDS else "conflict", **params)

    async def _not_there(self, process: str, where: Position, asked: Command) -> Exception:
        """No run: either the row is at its end, or its run is about to be begun by the sweep."""
        now = await self._stand(process, where.id) or where
        if now.state not in {state for one in PATHWAYS[process].commands for state in one.allowed_in}:
            return _not_now(process, now)
        await self.runs.begin(process, where.id, where.visit_id)
        return _OutcomeUnknown()

    async def _stand(self, process: str, id: UUID) -> Position | None:
        async with self.database.reading() as db:
            try:
                return await timeline.POSITIONS[process](db, id, Reach(id, everywhere=True))
            except DomainError:
                return None

    async def _done(self, id: UUID, asked: Command) -> Answer | None:
        async with self.database.reading() as db:
            found = await timeline.done(db, id, str(asked.id))
        return None if found is None else _answer(id, found, asked, replayed=False)

    async def _keep(self, process: str, where: Position, asked: Command, began: float) -> Answer:
        """An inbox row before the 202 is answered; the relay carries it on. With Temporal away nothing is kept: 503, repeat the key."""
        if not await self._healthy():
            raise DomainError("service.unavailable", "unavailable")
        async with self.database.transaction() as db:
            if (found := await timeline.done(db, where.id, str(asked.id))) is None:
                if await inbox.body_kept(db, asked.id) not in {None, asked.body}:
                    raise DomainError("request.key_reused", "invalid")
                await inbox.keep_command(db, process, where.id, asked, waited=timedelta(seconds=time.monotonic() - began))
        if found:
            return _answer(where.id, found, asked, replayed=False)
        log.info("command.kept", process=process, id=str(where.id))
        return Answer(where.id, False, where.state, where.version, None, False)


def _answer(id: UUID, entry: timeline.Entry, asked: Command, *, replayed: bool) -> Answer:
    if entry.body != asked.body:
        raise DomainError("request.key_reused", "invalid")
    return Answer(id, True, entry.after, entry.version, entry.at, replayed)


def _not_now(process: str, where: Position) -> DomainError:
    return DomainError(f"{process}.not_now", "conflict", state=where.state, allowed=allowed(where.state, PATHWAYS[process].commands))


async def _pathways(wiring: Wired) -> Pathways:
    async def healthy() -> bool:
        try:
            async with asyncio.timeout(REACH_S):
                return await wiring.temporal.service_client.check_health()
        except (RPCError, TimeoutError, RuntimeError):
            return False

    return Pathways(wiring.database, Runs(wiring.temporal), healthy)


AskPathways = Annotated[Pathways, Depends(_pathways)]
