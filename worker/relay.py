"""The guarantee behind every short cut: knock for each inbox row not handled, repeat each command kept, begin each row without a run.

Loops under a PostgreSQL advisory lock, outside Temporal, since they mend what would die with it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from pydantic import TypeAdapter
from sqlalchemy import text
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from models import charge, revisit
from models.kernel.clock import Clock
from models.process import Command, News, command_of
from models.stores import inbox, open_rows, steps
from models.stores.database import Database
from workflows.runs import Runs, run_id

log = structlog.get_logger()

COMMANDS: dict[str, tuple[type[Command], ...]] = {"revisit": revisit.COMMANDS, "charge": charge.COMMANDS}
EVENTS: dict[str, TypeAdapter[Any]] = {"revisit": TypeAdapter(revisit.RevisitEvent), "charge": TypeAdapter(charge.ChargeEvent)}
KNOCKS_ALARM = 12
FAILING_ATTEMPTS = 6
"""A workflow task that failed as often stands on a bug or a lost build: the run is begun again."""


class Relay:
    def __init__(self, database: Database, client: Client, runs: Runs, clock: Clock) -> None:
        self._database, self._client, self._runs, self._clock = database, client, runs, clock

    async def knock_due(self) -> int:
        """One round of the relay; answers how many rows it knocked for."""
        async with self._database.transaction() as db:
            waiting = await inbox.due(db, 100)
        await asyncio.gather(*(self._bring(one) for one in waiting))
        return len(waiting)

    async def _bring(self, one: inbox.Waiting) -> None:
        if one.knocks and one.knocks % KNOCKS_ALARM == 0:
            log.error("inbox.stuck", process=one.process, id=str(one.process_id), kind=one.kind, knocks=one.knocks)
        async with self._database.reading() as db:
            where = await open_rows.position(db, one.process, one.process_id)
        if where is None or where.ended:
            await self._close(one, "late")
            return
        if one.party == "person":
            wish = command_of(one.kind, COMMANDS[one.process]).model_validate({**one.event, "seen": where.version})
            await self._repeat(one, wish)
        else:
            event: News = EVENTS[one.process].validate_python({**one.event, "seen": where.version})
            await self._runs.knock(one.process, one.process_id, event)

    async def _repeat(self, one: inbox.Waiting, wish: Command) -> None:
        """The Update again, under the same id; a refusal closes the row, no answer leaves it for the next round."""
        try:
            async with asyncio.timeout(8):
                await self._runs.ask(one.process, one.process_id, wish)
        except WorkflowUpdateFailedError as refused:
            cause = refused.cause
            if isinstance(cause, ApplicationError) and cause.type and cause.type not in {"process.busy", "AcceptedUpdateCompletedWorkflow"}:
                await self._close(one, f"refused:{cause.type}")
        except (RPCError, WorkflowUpdateRPCTimeoutOrCancelledError, TimeoutError) as lost:
            log.info("inbox.not_answered", process=one.process, id=str(one.process_id), kind=one.kind, why=type(lost).__name__)

    async def _close(self, one: inbox.Waiting, outcome: str) -> None:
        async with self._database.transaction() as db:
            await steps.handled(db, one.id, self._clock(), outcome)
        log.info("inbox.closed", process=one.process, id=str(one.process_id), kind=one.kind, outcome=outcome)

    async def sweep_due(self) -> int:
        """One round of the sweep; answers how many runs it began again."""
        async with self._database.transaction() as db:
            rows = await open_rows.due(db, self._clock(), 200)
        begun = await asyncio.gather(*(self._look_after(row) for row in rows))
        return sum(begun)

    async def _look_after(self, row: open_rows.Open) -> bool:
        force = False
        try:
            found = await self._client.get_workflow_handle(run_id(row.process, row.id)).describe()
            task = found.raw_description.pending_workflow_task
            force = task.attempt >= FAILING_ATTEMPTS
            if found.status is WorkflowExecutionStatus.RUNNING and not force:
                return False
        except RPCError as lost:
            if lost.status is not RPCStatusCode.NOT_FOUND:
                return False
        log.warning("run.begun_again", process=row.process, id=str(row.id), by_force=force)
        await self._runs.begin_again(row.process, row.id, row.visit_id, by_force=force)
        return True


async def as_the_only_one(database: Database, key: int, work: Callable[[], Awaitable[object]], pause_s: float, stop: asyncio.Event) -> None:
    """Runs `work` again and again while this process holds the advisory lock; another takes over when it dies."""
    while not stop.is_set():
        try:
            async with database.engine.connect() as wire:
                await wire.execution_options(isolation_level="AUTOCOMMIT")
                if (await wire.execute(text("select pg_try_advisory_lock(:key)"), {"key": key})).scalar():
                    while not stop.is_set():
                        await wire.execute(text("select 1"))  # the lock lives as long as this connection
                        await work()
                        await _pause(stop, pause_s)
        except Exception:
            log.exception("loop.failed", key=key)
        await _pause(stop, max(pause_s, 1))


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
