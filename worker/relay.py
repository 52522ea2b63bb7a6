"""The guarantee behind every short cut: knock for each inbox row not handled, repeat each command kept, begin each row without a run.

Loops under a PostgreSQL advisory lock, outside Temporal, since they mend what would die with it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from datetime import datetime, timedelta
from enum import IntEnum
from typing import TypeVar
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.payment import StrayReports
from models import charge
from models.kernel.clock import Clock
from models.pathways import PATHWAYS
from models.process import Command, News, command_of
from models.stores import inbox, open_rows, steps, timeline
from models.stores.database import Database
from models.stores.outage import is_outage
from worker.build import Builds, Standing
from workflows.runs import SHORT, Runs, reaching, run_id

log = structlog.get_logger()

MONEY = charge.Reported.model_fields["kind"].default
KNOCKS_ALARM = 12
FAILING_ATTEMPTS = 6
"""A workflow task that failed as often stands on a bug or a lost build: the run is begun again."""
FORCED_PAUSE, FORCED_PAUSE_MAX = timedelta(seconds=10), timedelta(minutes=10)
"""Begun again it may fail as before: each time twice as long is waited."""
GRACE_S = 0.5
T = TypeVar("T")


class Loop(IntEnum):
    """The loops of the house by their advisory locks: of many workers one runs each."""

    RELAY = 0x46555A01
    SWEEP = 0x46555A02
    OUTBOX = 0x46555A03
    FORGET = 0x46555A04
    LOCKS = 0x46555A05
    PROVISION = 0x46555A06
    ARCHIVE = 0x46555A07
    DRUGS = 0x46555A08
    REPORTS = 0x46555A09

    def __str__(self) -> str:
        return self.name.lower()


class Relay:
    def __init__(self, database: Database, client: Client, runs: Runs, strays: StrayReports, builds: Builds, clock: Clock) -> None:
        self._database, self._client, self._runs, self._strays, self._clock = database, client, runs, strays, clock
        self._builds = builds
        self._forced: dict[UUID, tuple[int, datetime]] = {}

    async def knock_due(self) -> int:
        """One round of the relay; answers how many rows it knocked for."""
        async with self._database.transaction() as db:
            waiting = await inbox.due(db, 100)
        await _each(self._bring(one) for one in waiting)
        return len(waiting)

    async def _bring(self, one: inbox.Waiting) -> None:
        if one.knocks and one.knocks % KNOCKS_ALARM == 0:
            log.error("inbox.stuck", process=one.process, id=str(one.process_id), kind=one.kind, knocks=one.knocks)
        log.info("inbox.knocked", process=one.process, id=str(one.process_id), kind=one.kind, knocks=one.knocks)
        where, done = await self._stands(one)
        if done:  # kept in the moment in which it was done
            await self._close(one, "done")
        elif (where is None or where.ended) and one.kind == MONEY:
            await self._strays.look_after(one.id, one.event["order_no"], one.knocks)
        elif where is None or where.ended or one.process_id is None:
            await self._close(one, "late")
        elif one.party == "person":
            wish = command_of(one.kind, PATHWAYS[one.process].commands).model_validate({**one.event, "seen": where.version})
            await self._repeat(one, one.process_id, wish)
        else:
            event: News = PATHWAYS[one.process].events.validate_python({**one.event, "seen": where.version})
            await self._runs.knock(one.process, one.process_id, event)

    async def _stands(self, one: inbox.Waiting) -> tuple[open_rows.Position | None, bool]:
        if one.process_id is None:
            return None, False
        async with self._database.reading() as db:
            done = await timeline.done(db, one.process_id, str(one.id)) is not None
            return await open_rows.position(db, one.process, one.process_id), done

    async def _repeat(self, one: inbox.Waiting, id: UUID, wish: Command) -> None:
        """The Update again, under the same id; a refusal closes the row, no answer leaves it for the next round."""
        try:
            async with asyncio.timeout(8):
                await self._runs.ask(one.process, id, wish)
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
        try:
            builds = await self._builds.standing()
        except RPCError:  # Temporal is away: no row counts as looked at
            return 0
        async with self._database.transaction() as db:
            rows = await open_rows.due(db, self._clock(), 200)
        return sum(await _each(self._look_after(row, builds) for row in rows))

    async def _look_after(self, row: open_rows.Open, builds: Standing) -> bool:
        """A row without a run gets one, and so does one whose run keeps failing or whose build left; what an older one runs is renewed."""
        force = False
        try:
            with reaching():
                found = await self._client.get_workflow_handle(run_id(row.process, row.id)).describe(rpc_timeout=SHORT)
        except RPCError as lost:
            if lost.status is not RPCStatusCode.NOT_FOUND:
                log.info("run.not_seen", process=row.process, id=str(row.id), status=lost.status.name)
                return False
        else:
            if found.status is WorkflowExecutionStatus.RUNNING:
                told = found.raw_description
                build = told.workflow_execution_info.versioning_info.deployment_version.build_id
                if builds.outdated(build) and build in builds.alive:
                    await self._runs.renew(row.process, row.id)
                    return False
                failing = told.pending_workflow_task.attempt >= FAILING_ATTEMPTS
                force = builds.outdated(build) or (failing and self._once_more(row))
                if not force:
                    return False
        log.warning("run.begun_again", process=row.process, id=str(row.id), by_force=force)
        await self._runs.begin_again(row.process, row.id, row.visit_id, by_force=force)
        return True

    def _once_more(self, row: open_rows.Open) -> bool:
        """Whether it is time to begin a failing run again; how often it was is known as long as this worker sweeps.

        A person is called each time, and from the first: somebody's money may stand behind it.
        """
        now = self._clock()
        times, until = self._forced.get(row.id, (0, now))
        if now < until:
            return False
        self._forced[row.id] = times + 1, now + min(FORCED_PAUSE * 2**times, FORCED_PAUSE_MAX)
        log.error("run.failing", process=row.process, id=str(row.id), times=times + 1)
        return True


async def _each(work: Iterable[Awaitable[T]]) -> list[T]:
    """All at once; one row's fault never holds up another's, and stays loud."""
    ended = await asyncio.gather(*work, return_exceptions=True)
    if faults := [one for one in ended if isinstance(one, BaseException)]:
        raise BaseExceptionGroup("rows that could not be looked after", faults)
    return [one for one in ended if not isinstance(one, BaseException)]


async def as_the_only_one(database: Database, key: int, work: Callable[[], Awaitable[object]], pause_s: float, stop: asyncio.Event) -> None:
    """Runs `work` again and again while this process holds the advisory lock; another takes over when it dies."""
    while not stop.is_set():
        try:
            async with database.engine.connect() as wire:
                await wire.execution_options(isolation_level="AUTOCOMMIT")
                if (await wire.execute(text("select pg_try_advisory_lock(:key)"), {"key": key})).scalar():
                    await _locked(wire, work, pause_s, stop)
        except Exception as fault:
            if is_outage(fault):  # told by health and metrics, and no bug: each loop would cry once a second
                log.warning("database.away", loop=str(key), error=type(fault).__name__)
            else:
                log.exception("loop.failed", loop=str(key))
        await _pause(stop, max(pause_s, 1))


async def ended(loops: Collection[asyncio.Task[None]], stop: asyncio.Event) -> None:
    """After the stop they have a moment. What still asks outside then is left where it is: what bears a crash bears that."""
    await stop.wait()
    await asyncio.wait(loops, timeout=GRACE_S)
    for loop in loops:
        loop.cancel()


async def _locked(wire: AsyncConnection, work: Callable[[], Awaitable[object]], pause_s: float, stop: asyncio.Event) -> None:
    """The lock lives as long as this connection, which ends here: given back to the pool it would hold the lock for nobody."""
    try:
        while not stop.is_set():
            await wire.execute(text("select 1"))
            await work()
            await _pause(stop, pause_s)
    finally:
        await wire.invalidate()


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
