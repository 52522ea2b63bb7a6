"""What Prometheus reads of the worker: its own lines counted, how the house stands, and the SDK's numbers, on one page."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
import pytest_asyncio
import structlog
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text, update
from temporalio.client import Client, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Worker

from gateways.wire import Wire
from models.kernel import ids
from models.kernel.errors import DomainError, Unknown
from models.pathways import PATHWAYS
from models.revisit import Cancel, State
from models.stores import inbox
from models.stores.database import Database
from models.tables.process import InboxRow
from models.tables.revisit import RevisitRow
from stack.temporal import embedded_temporal
from tests.account.builders import a_phone
from tests.builders import a_visit
from tests.client import Hands
from tests.database import PROJECT
from tests.message.builders import enqueued
from tests.process.hospital import Hospital, Unheard, wish
from tests.refund.builders import refused_by_his
from tests.settings import settings
from worker.attempts import Attempts
from worker.build import Builds
from worker.failures import Failures
from worker.health import Pages
from worker.metrics import OUTSIDE, counted
from worker.relay import Loop, Relay, as_the_only_one
from worker.temporal_metrics import TemporalMetrics
from workflows.runs import Runs

AN_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}|[0-9a-fA-F]{16,}|\d{9,}")
Samples = dict[tuple[str, ...], float]


@contextmanager
def counting() -> Generator[None]:
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars, counted]):
        yield


def told(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


async def away() -> Client:
    """A Temporal that is not there."""
    return await Client.connect(settings().temporal_address, lazy=True)


class House:
    """The pages of a worker over one database."""

    def __init__(self, pages: Pages) -> None:
        self.app = pages.app()

    async def page(self) -> str:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://worker") as prometheus:
            answer = await prometheus.get("/metrics")
        assert answer.status_code == 200
        return answer.text

    async def samples(self, name: str) -> Samples:
        """By the values of its labels."""
        families = text_string_to_metric_families(await self.page())
        return {tuple(one.labels.values()): one.value for family in families for one in family.samples if one.name == name}


@pytest.fixture(scope="module")
def temporal() -> TemporalMetrics:
    return TemporalMetrics()


async def house_of(database: Database, temporal: TemporalMetrics, clock: Hands) -> House:
    return House(Pages(database, await away(), cast(Worker, None), temporal, clock))


@pytest_asyncio.fixture
async def house(database: Database, temporal: TemporalMetrics, clock: Hands) -> House:
    return await house_of(database, temporal, clock)


class Ending(ActivityInboundInterceptor):
    """An activity that ends so."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        if self.error:
            raise self.error
        return "done"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "done"),
        (DomainError("slot.sold_out", "conflict"), "refused"),
        (Unknown("silent"), "unknown"),
        (ConnectionResetError(), "unknown"),
        (ApplicationError("row.moved", type="row.moved"), "moved"),
        (ValueError("110105195805120428"), "failed"),
        (asyncio.CancelledError(), "broken off"),
    ],
)
async def test_each_attempt_is_counted_by_its_outcome(error: BaseException | None, outcome: str) -> None:
    environment = ActivityEnvironment()
    name, before = environment.info.activity_type, 0.0
    before = told("fuzhen_activity_seconds_count", activity=name, outcome=outcome)
    told_by = Attempts().intercept_activity(Failures().intercept_activity(Ending(error)))
    asked = ExecuteActivityInput(fn=away, args=(), executor=None, headers={})

    with counting():
        if error is None:
            await environment.run(told_by.execute_activity, asked)
        else:
            with pytest.raises((ApplicationError, asyncio.CancelledError)):
                await environment.run(told_by.execute_activity, asked)

    assert told("fuzhen_activity_seconds_count", activity=name, outcome=outcome) - before == 1


async def test_a_call_outside_is_counted_by_party_call_and_outcome() -> None:
    wire = Wire("his", "http://127.0.0.1:9")

    with counting(), pytest.raises(Unknown):
        async with wire.call("parking", claim_id=str(ids.new())) as call:
            await call.send("GET", "http://127.0.0.1:9/", repeatable=False)
    await wire.aclose()

    assert told("fuzhen_outside_seconds_count", party="his", call="parking", outcome="unknown") == 1
    assert told("fuzhen_log_lines_total", event="his.parking", level="warning") == 1


@pytest.mark.parametrize(
    ("event", "told_of"),
    [
        ("house.told", {"requests": 7}),
        ("house.told", {"requests": 7, "ms": 8, "status": 200}),
        ("house.told", {"outcome": "done", "ms": 8, "status": 200}),
        ("what a house is told", {"requests": 7, "ms": 8, "status": 200, "outcome": "done"}),
    ],
)
async def test_a_line_that_only_looks_like_a_call_is_said_and_is_none(event: str, told_of: dict[str, Any]) -> None:
    with structlog.testing.capture_logs(processors=[counted]) as lines:
        structlog.get_logger().info(event, **told_of)

    assert lines == [{"event": event, "log_level": "info"} | told_of]
    assert not [one for family in OUTSIDE.collect() for one in family.samples if one.labels["party"].endswith(("house", "told"))]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (None, "done"),
        (WorkflowUpdateFailedError(ApplicationError("no", type="revisit.not_now")), "refused"),
        (WorkflowUpdateFailedError(ApplicationError("gone", type="AcceptedUpdateCompletedWorkflow")), "unknown"),
        (RPCError("away", RPCStatusCode.UNAVAILABLE, b""), "unknown"),
        (RuntimeError("no connection"), "unknown"),
    ],
)
async def test_an_update_is_counted_by_its_outcome(answer: Exception | None, outcome: str) -> None:
    async def execute_update(*_: object, **__: object) -> None:
        if answer:
            raise answer

    def get_workflow_handle(_: str) -> object:
        return SimpleNamespace(execute_update=execute_update)

    labels = {"process": "revisit", "command": "cancel", "outcome": outcome}
    before = told("fuzhen_update_seconds_count", **labels)

    with counting():
        try:
            await Runs(cast(Client, SimpleNamespace(get_workflow_handle=get_workflow_handle))).ask(
                "revisit", ids.new(), wish(Cancel, ids.new())
            )
        except (WorkflowUpdateFailedError, RPCError):
            assert answer is not None

    assert told("fuzhen_update_seconds_count", **labels) - before == 1


async def test_the_relay_is_counted_by_what_it_takes_up_and_how_it_closes(database: Database, clock: Hands) -> None:
    client = await away()
    relay = Relay(database, client, Runs(client), Hospital(database, clock, Unheard()).strays, Builds(database, client), clock)
    async with database.transaction() as db:
        await inbox.keep_command(db, "revisit", await a_visit(db, State.CANCELLED), wish(Cancel, ids.new()))
    before = (
        told("fuzhen_inbox_knocks_total", process="revisit", kind="cancel"),
        told("fuzhen_inbox_closed_total", process="revisit", outcome="late"),
    )

    with counting():
        await relay.knock_due()

    assert told("fuzhen_inbox_knocks_total", process="revisit", kind="cancel") - before[0] == 1
    assert told("fuzhen_inbox_closed_total", process="revisit", outcome="late") - before[1] == 1


async def test_a_run_begun_again_and_a_refused_command_have_few_labels() -> None:
    log = structlog.get_logger()
    code = "refused:revisit.too_late"

    with counting():
        log.warning("run.begun_again", process="charge", id=str(ids.new()), by_force=True)
        log.info("inbox.closed", process="charge", id=str(ids.new()), kind="order", outcome=code)

    assert told("fuzhen_runs_begun_again_total", process="charge", by_force="true") == 1
    assert told("fuzhen_inbox_closed_total", process="charge", outcome="refused") == 1


async def test_what_waits_in_the_inbox_is_told_with_the_age_of_the_oldest(house: House, database: Database, clock: Hands) -> None:
    async with database.transaction() as db:
        visit_id = await a_visit(db)
        for _ in range(2):
            await inbox.keep_command(db, "revisit", visit_id, wish(Cancel, ids.new()))
        await db.execute(update(InboxRow).values(created_at=clock() - timedelta(seconds=90)))

    assert await house.samples("fuzhen_inbox_open") == {("revisit",): 2}
    assert await house.samples("fuzhen_inbox_oldest_seconds") == {("revisit",): 90}


async def test_open_rows_are_told_by_state_and_those_that_missed_their_alarm(house: House, database: Database, clock: Hands) -> None:
    async with database.transaction() as db:
        for wake_in in (timedelta(minutes=5), timedelta(minutes=-5), None):
            await a_visit(db, State.BOOKED, moved_at=clock() - timedelta(hours=1), wake_at=clock() + wake_in if wake_in else None)
        await a_visit(db, State.WAITING, moved_at=clock())
        await a_visit(db, State.CANCELLED, wake_at=clock() - timedelta(days=1))

    assert await house.samples("fuzhen_open_rows") == {("revisit", "booked"): 3, ("revisit", "waiting"): 1}
    assert await house.samples("fuzhen_open_rows_oldest_seconds") == {("revisit", "booked"): 3600, ("revisit", "waiting"): 0}
    assert await house.samples("fuzhen_open_rows_late") == {(process,): int(process == "revisit") for process in PATHWAYS}


async def test_a_stuck_refund_is_told_by_its_trouble_and_its_office(house: House, database: Database, clock: Hands) -> None:
    await refused_by_his(Hospital(database, clock, Unheard()))

    assert await house.samples("fuzhen_refunds_stuck") == {("outpatient", "his.executed"): 1}


async def test_messages_that_are_due_are_told_and_later_ones_are_not(house: House, database: Database, clock: Hands) -> None:
    await enqueued(database, a_phone(), clock() - timedelta(seconds=40))
    await enqueued(database, a_phone(), clock() + timedelta(hours=1))

    assert await house.samples("fuzhen_messages_due") == {(): 1}
    assert await house.samples("fuzhen_messages_oldest_seconds") == {(): 40}


async def test_a_loop_that_no_worker_keeps_is_seen(own_database: Database, temporal: TemporalMetrics, clock: Hands) -> None:
    house = await house_of(own_database, temporal, clock)

    async with own_database.engine.connect() as other:
        await other.execute(text("select pg_advisory_lock(:key)"), {"key": Loop.SWEEP})
        held = await house.samples("fuzhen_loop_held")
        in_use = await house.samples("fuzhen_database_connections")

    assert held == {(str(loop),): float(loop is Loop.SWEEP) for loop in Loop}
    assert in_use["in_use",] >= 1
    assert in_use["most",] == 20


async def test_a_loop_without_its_database_waits_and_calls_nobody() -> None:
    """The page says that the database is away; six loops that say it once a second each would bury what else is wrong."""
    nowhere, stop = Database(settings().database_url.get_secret_value(), settings().vault()), asyncio.Event()

    def noticed(_: Any, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
        stop.set()
        return line

    async def work() -> None:
        raise AssertionError("without a lock nothing is done")

    with structlog.testing.capture_logs(processors=[noticed]) as lines:
        await as_the_only_one(nowhere, Loop.SWEEP, work, 0, stop)

    assert [(line["event"], line["log_level"], line["loop"]) for line in lines] == [("database.away", "warning", "sweep")]


async def test_without_its_database_the_page_says_so_and_the_rest(temporal: TemporalMetrics, clock: Hands) -> None:
    nowhere = Database(settings().database_url.get_secret_value(), settings().vault())
    house = await house_of(nowhere, temporal, clock)

    assert await house.samples("fuzhen_database_up") == {(): 0}
    assert await house.samples("fuzhen_open_rows") == {}
    assert await house.samples("process_start_time_seconds")


async def test_the_numbers_of_the_sdk_stand_on_the_same_page_and_add_up(
    house: House, temporal: TemporalMetrics, database: Database, tmp_path: Path
) -> None:
    async with embedded_temporal(tmp_path) as address:
        client = await Client.connect(address, runtime=temporal.runtime)
        for _ in range(3):
            await client.service_client.check_health()
            temporal.drain()

    page = await house.page()
    requests = {
        (one.name, one.labels.get("le")): one.value
        for family in text_string_to_metric_families(page)
        for one in family.samples
        if one.labels.get("operation") == "Check"
    }
    assert requests["temporal_request_total", None] == 3
    assert requests["temporal_request_latency_seconds_bucket", "+Inf"] == requests["temporal_request_latency_seconds_count", None] == 3
    assert 0 < requests["temporal_request_latency_seconds_sum", None] < 3


async def test_no_label_is_an_id_or_of_a_person(house: House, database: Database, clock: Hands) -> None:
    """Whatever lines said, and with rows of people in the database."""
    async with database.transaction() as db:
        await a_visit(db, State.BOOKED)
        await db.execute(update(RevisitRow).values(refusal="110105195805120428"))
    await enqueued(database, "13800138000", clock())
    with counting():
        structlog.get_logger().info("13800138000 张秀英")
        structlog.get_logger().info("his.lock", outcome="done", ms=8, status=200, requests=1, claim_no=ids.new().hex)

    labels = set(re.findall(r'="([^"]*)"', await house.page()))

    assert {"revisit", "booked", "other", "his"} <= labels
    assert not [label for label in labels if AN_ID.search(label) or "张" in label]


PROGRAM = """
import logging, sys, structlog
from prometheus_client import generate_latest
from worker import logs
logs.configure("worker")
structlog.get_logger().error("refund.stuck", refund_id="r-1")
try:
    raise ValueError("13800138000")
except ValueError:
    structlog.get_logger().exception("loop.failed", loop="relay")
logging.getLogger("a.library").warning("13800138000 called")
sys.stderr.write(generate_latest().decode())
"""


def test_the_logging_of_a_process_counts_each_line_once_and_a_library_by_its_level() -> None:
    said = subprocess.run([sys.executable, "-c", PROGRAM], cwd=PROJECT, capture_output=True, check=True, text=True)

    counts = [line for line in said.stderr.splitlines() if line.startswith("fuzhen_log_lines_total")]
    assert counts == [
        'fuzhen_log_lines_total{event="refund.stuck",level="error"} 1.0',
        'fuzhen_log_lines_total{event="loop.failed",level="error"} 1.0',
        'fuzhen_log_lines_total{event="library",level="warning"} 1.0',
    ]
    assert len(said.stdout.splitlines()) == 3
