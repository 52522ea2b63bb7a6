"""What the engine recorded of a visit, over HTTP: all runs of its processes by time, and nothing of what they carried."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.common import RetryPolicy, SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from api import history
from models.account import Role
from models.kernel import ids
from models.stores.database import Database
from tests.account.builders import patient_signed_in, staff_signed_in
from tests.builders import a_visit
from tests.client import Hands, key, speaking, wiring

QUEUE, SECRET, WITHIN_S = "history-test", "张秀英", 60.0
AT_ONCE = RetryPolicy(initial_interval=timedelta(milliseconds=1))


@activity.defn(name="booking.hold")
async def hold(word: str) -> str:
    if activity.info().attempt == 1:
        raise RuntimeError(word)
    return word


@workflow.defn(name="pathway")
class Pathway:
    """Waits for a signal and an Update; unless it is `short` it rests a moment and does one step that fails once."""

    def __init__(self) -> None:
        self.told = self.asked = False

    @workflow.run
    async def run(self, word: str, short: bool) -> str:
        await workflow.wait_condition(lambda: self.told and self.asked)
        if short:
            return word
        await workflow.sleep(timedelta(milliseconds=1))
        return await workflow.execute_activity(hold, word, start_to_close_timeout=timedelta(seconds=WITHIN_S), retry_policy=AT_ONCE)

    @workflow.signal(name="charge_ended")
    def charge_ended(self, word: str) -> None:
        self.told = True

    @workflow.update(name="check_in")
    async def check_in(self, word: str) -> str:
        self.asked = True
        return word


@pytest_asyncio.fixture(scope="module")
async def visit_runs(temporal: Client) -> UUID:
    """Two runs of a visit, one after the other, and one of its charge; the visit's id."""
    visit_id = ids.new()
    of_visit = TypedSearchAttributes([SearchAttributePair(SearchAttributeKey.for_keyword("Visit"), str(visit_id))])
    async with Worker(temporal, task_queue=QUEUE, workflows=[Pathway], activities=[hold], workflow_runner=UnsandboxedWorkflowRunner()):
        for process, short in (("revisit", False), ("revisit", True), ("charge", True)):
            run = await temporal.start_workflow(
                Pathway.run, args=[SECRET, short], id=f"{process}/{visit_id}", task_queue=QUEUE, search_attributes=of_visit
            )
            await run.execute_update(Pathway.check_in, SECRET)  # pyright: ignore[reportUnknownMemberType]
            await run.signal(Pathway.charge_ended, SECRET)
            await run.result()
    async with asyncio.timeout(WITHIN_S):  # the server lists a run some moments later, and tells nobody
        while (await temporal.count_workflows(f"Visit = '{visit_id}' and ExecutionStatus = 'Completed'")).count < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return visit_id


@pytest_asyncio.fixture
async def visit(visit_runs: UUID, db: AsyncSession) -> AsyncIterator[UUID]:
    await a_visit(db, id=visit_runs)
    yield visit_runs


@pytest_asyncio.fixture
async def manager(database: Database, clock: Hands) -> dict[str, str]:
    _, headers = await staff_signed_in(database, clock, Role.MANAGEMENT)
    return headers


async def read(api: httpx.AsyncClient, visit: UUID, manager: dict[str, str]) -> Any:
    answer = await api.get(f"/v1/revisits/{visit}/history", headers=manager)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_all_runs_of_a_visit_and_its_charge_in_one_list(api: httpx.AsyncClient, visit: UUID, manager: dict[str, str]) -> None:
    told = await read(api, visit, manager)

    assert [(run["process"], run["status"]) for run in told["runs"]] == [
        ("revisit", "COMPLETED"),
        ("revisit", "COMPLETED"),
        ("charge", "COMPLETED"),
    ]
    assert len({run["run_id"] for run in told["runs"]}) == 3
    assert [event["at"] for event in told["events"]] == sorted(event["at"] for event in told["events"])
    assert told["cut"] is False


async def test_an_event_is_named_by_what_it_is_of(api: httpx.AsyncClient, visit: UUID, manager: dict[str, str]) -> None:
    told = await read(api, visit, manager)
    first = told["runs"][0]["run_id"]

    named = {(event["type"], event["name"], event["attempt"]) for event in told["events"] if event["run_id"] == first and event["name"]}

    assert named == {
        ("WORKFLOW_EXECUTION_STARTED", "pathway", 1),
        ("WORKFLOW_EXECUTION_UPDATE_ACCEPTED", "check_in", None),
        ("WORKFLOW_EXECUTION_UPDATE_COMPLETED", "check_in", None),
        ("WORKFLOW_EXECUTION_SIGNALED", "charge_ended", None),
        ("TIMER_STARTED", "1", None),
        ("TIMER_FIRED", "1", None),
        ("ACTIVITY_TASK_SCHEDULED", "booking.hold", None),
        ("ACTIVITY_TASK_STARTED", "booking.hold", 2),
        ("ACTIVITY_TASK_COMPLETED", "booking.hold", None),
    }


async def test_it_links_into_the_ui(api: httpx.AsyncClient, visit: UUID, manager: dict[str, str]) -> None:
    told = await read(api, visit, manager)
    run = told["runs"][0]

    assert run["url"].endswith(f"/namespaces/default/workflows/revisit%2F{visit}/{run['run_id']}/history")
    assert told["events"][0]["url"] == run["url"]


async def test_what_runs_carried_is_not_told(api: httpx.AsyncClient, visit: UUID, manager: dict[str, str]) -> None:
    answer = await api.get(f"/v1/revisits/{visit}/history", headers=manager)

    assert SECRET not in answer.text


async def test_more_than_is_shown_is_cut_and_said(api: httpx.AsyncClient, temporal: Client, visit: UUID, manager: dict[str, str]) -> None:
    whole = await read(api, visit, manager)
    runs = [history.RunOut.model_validate(run) for run in whole["runs"]]

    shown, cut = await history.events_of(temporal, runs, 7)
    every, cut_of_every = await history.events_of(temporal, runs, len(whole["events"]))

    assert ([event.model_dump(mode="json") for event in shown], cut) == (whole["events"][:7], True)
    assert (len(every), cut_of_every) == (len(whole["events"]), False)


async def test_a_visit_that_never_ran(api: httpx.AsyncClient, db: AsyncSession, manager: dict[str, str]) -> None:
    told = await read(api, await a_visit(db), manager)

    assert (told["runs"], told["events"], told["cut"]) == ([], [], False)


async def test_who_may_read_it(api: httpx.AsyncClient, database: Database, clock: Hands, visit: UUID, manager: dict[str, str]) -> None:
    _, patient = await patient_signed_in(database, clock)
    _, doctor = await staff_signed_in(database, clock)

    for headers in (patient, doctor):
        assert (await api.get(f"/v1/revisits/{visit}/history", headers=headers)).json()["code"] == "account.forbidden"
    assert (await api.get(f"/v1/revisits/{ids.new()}/history", headers=manager)).json()["code"] == "revisit.missing"


async def test_with_temporal_away_it_says_so(database: Database, clock: Hands, visit: UUID, manager: dict[str, str]) -> None:
    async with speaking(await wiring(database, clock)) as without:
        refused = await without.get(f"/v1/revisits/{visit}/history", headers=manager)

    assert (refused.status_code, refused.json()["code"]) == (503, "service.unavailable")


async def test_a_pull_of_schedules_is_begun_once_while_it_runs(api: httpx.AsyncClient, temporal: Client, manager: dict[str, str]) -> None:
    asked = [await api.post("/v1/schedule/syncs", headers=manager | key()) for _ in range(2)]

    assert [(answer.status_code, answer.json()) for answer in asked] == [(202, {"workflow_id": "schedule_sync/now"})] * 2
    run = await temporal.get_workflow_handle("schedule_sync/now").describe()
    assert (run.workflow_type, run.task_queue, run.status and run.status.name) == ("schedule_sync", "fuzhen", "RUNNING")
