"""Relay and sweep: what they close, how they go on after a fault, and how patient they are with a run that keeps failing."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import select, text
from structlog.testing import capture_logs
from temporalio.api.workflow.v1 import PendingWorkflowTaskInfo
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.payment import StrayReports
from models.kernel import ids
from models.process import Command
from models.revisit import Cancel, SelfCheck, State
from models.stores import inbox
from models.stores.database import Database
from models.tables.process import InboxRow
from tests.builders import a_visit
from tests.client import Hands
from tests.process.hospital import Hospital, Unheard, wish
from tests.process.visit import opened
from tests.settings import settings
from worker.build import Builds
from worker.relay import FAILING_ATTEMPTS, Relay, as_the_only_one, ended
from workflows.runs import Runs

KEY = 0x46555AFF


def strays_of(database: Database, clock: Hands) -> StrayReports:
    return Hospital(database, clock, Unheard()).strays


@pytest_asyncio.fixture
async def away(database: Database, clock: Hands) -> Relay:
    """Its Temporal is not there."""
    client = await Client.connect(settings().temporal_address, lazy=True)
    return Relay(database, client, Runs(client), strays_of(database, clock), Builds(database, client), clock)


async def kept(database: Database, visit_id: UUID, command: Command, process: str = "revisit") -> UUID:
    async with database.transaction() as db:
        await inbox.keep_command(db, process, visit_id, command)
    return command.id


async def outcome(database: Database, inbox_id: UUID) -> str | None:
    async with database.reading() as db:
        return await db.scalar(select(InboxRow.outcome).where(InboxRow.id == inbox_id))


async def test_a_command_kept_in_the_moment_in_which_it_was_done_is_closed(away: Relay, database: Database, clock: Hands) -> None:
    visit = await (await opened(Hospital(database, clock, Unheard()))).to(State.CONSENTING)
    check = wish(SelfCheck, visit.person.account_id, symptoms=())
    await visit.desk.happens(check)
    await kept(database, visit.id, check)

    await away.knock_due()

    assert await outcome(database, check.id) == "done"


async def test_what_comes_for_a_visit_at_its_end_is_too_late(away: Relay, database: Database) -> None:
    async with database.transaction() as db:
        visit_id = await a_visit(db, State.CANCELLED)
    cancel = await kept(database, visit_id, wish(Cancel, ids.new()))

    await away.knock_due()

    assert await outcome(database, cancel) == "late"


async def test_a_row_that_cannot_be_read_holds_up_no_other(away: Relay, database: Database) -> None:
    async with database.transaction() as db:
        visit_id = await a_visit(db, State.CANCELLED)
    await kept(database, visit_id, wish(Cancel, ids.new()), process="of a later build")
    late = await kept(database, visit_id, wish(Cancel, ids.new()))

    faults: list[BaseException] = []
    try:
        await away.knock_due()
    except ExceptionGroup as several:
        faults += several.exceptions

    assert [type(fault) for fault in faults] == [KeyError]
    assert await outcome(database, late) == "late"


async def test_without_temporal_the_sweep_begins_nothing_and_goes_on(away: Relay, database: Database, clock: Hands) -> None:
    async with database.transaction() as db:
        await a_visit(db, created_at=clock() - timedelta(minutes=1))

    assert await away.sweep_due() == 0


class FailingRuns:
    """A Temporal whose every run stands on a task that fails; it counts how often one is begun in its place."""

    def __init__(self) -> None:
        self.begun = 0
        self._found = SimpleNamespace(
            status=WorkflowExecutionStatus.RUNNING,
            raw_description=DescribeWorkflowExecutionResponse(pending_workflow_task=PendingWorkflowTaskInfo(attempt=FAILING_ATTEMPTS)),
        )
        self.namespace, self.workflow_service = "default", self

    async def describe_worker_deployment(self, *_: object, **__: object) -> None:
        raise RPCError("no such deployment", RPCStatusCode.NOT_FOUND, b"")

    def get_workflow_handle(self, _: str) -> "FailingRuns":
        return self

    async def describe(self, **_: object) -> SimpleNamespace:
        return self._found

    async def start_workflow(self, *_: object, **__: object) -> None:
        self.begun += 1


async def test_a_run_that_keeps_failing_is_begun_again_ever_more_seldom_and_told_each_time(database: Database, clock: Hands) -> None:
    async with database.transaction() as db:
        await a_visit(db, created_at=clock() - timedelta(minutes=1))
    temporal = FailingRuns()
    client = cast(Any, temporal)
    relay = Relay(database, client, Runs(client), strays_of(database, clock), Builds(database, client), clock)

    begun_in: list[int] = []
    with capture_logs() as said:
        for _ in range(3):
            before = temporal.begun
            for _ in range(10):
                await relay.sweep_due()
                clock.forward(seconds=30)
            begun_in.append(temporal.begun - before)

    assert begun_in == [5, 1, 1], "in five minutes each"
    assert [line["times"] for line in said if (line["event"], line["log_level"]) == ("run.failing", "error")] == [1, 2, 3, 4, 5, 6, 7]


async def test_a_loop_that_failed_leaves_its_lock_to_the_next(own_database: Database) -> None:
    """Its connection, were it back in the pool, would be the first to be given out, and the lock on it would keep everybody out."""
    stop, rounds = asyncio.Event(), 0

    async def fails() -> None:
        nonlocal rounds
        rounds += 1
        stop.set()
        raise LookupError

    await as_the_only_one(own_database, KEY, fails, 0, stop)

    async with (
        own_database.engine.connect() as pooled,
        own_database.engine.connect() as other,
    ):
        await pooled.execute(text("select 1"))
        await other.execute(text("set statement_timeout = '30s'"))
        await other.execute(text("select pg_advisory_lock(:key)"), {"key": KEY})
    assert rounds == 1


async def test_a_loop_that_waits_for_an_answer_does_not_hold_up_the_stop(own_database: Database) -> None:
    stop, asked = asyncio.Event(), asyncio.Event()

    async def waits() -> None:
        asked.set()
        await asyncio.Event().wait()

    loop = asyncio.create_task(as_the_only_one(own_database, KEY, waits, 0, stop))
    await asked.wait()
    stop.set()

    async with asyncio.timeout(30):
        await ended([loop], stop)
        await asyncio.wait([loop])

    assert loop.cancelled()


@pytest.mark.parametrize(("other", "told"), [(None, ("database.away", "warning")), (KeyError("a bug"), ("loop.failed", "error"))])
async def test_rows_that_lose_the_database_together_call_nobody_unless_one_has_a_bug(
    own_database: Database, other: Exception | None, told: tuple[str, str]
) -> None:
    stop = asyncio.Event()

    async def lost() -> None:
        async with own_database.transaction() as db:
            await db.execute(text("select pg_terminate_backend(pg_backend_pid())"))

    async def work() -> None:
        stop.set()
        faults = [*await asyncio.gather(lost(), lost(), return_exceptions=True), *([other] if other else [])]
        raise BaseExceptionGroup("rows", [one for one in faults if one is not None])

    with capture_logs() as lines:
        await as_the_only_one(own_database, KEY, work, 0, stop)

    assert [(line["event"], line["log_level"]) for line in lines] == [told]
