"""A new build takes running visits over: its code could not replay their histories, and need not, because they walk from their rows."""

import asyncio
import re
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import Client

from stack.part import Part
from stack.supervisor import Stack
from tests.auditor import assert_nothing_differs
from tests.house.rooms import HOUSE
from tests.journeys.hospital import Hospital
from tests.journeys.people import until
from tests.journeys.visit import Visit
from worker.build import build_of

ROOMS = ("workflows", "activities", "models", "gateways", "worker")
PHASE = re.compile(r"(    async def _\w+\(self, now: \w+\) -> None:\n(?:        \"\"\".*?\"\"\"\n)?)", re.DOTALL)
STATES = ("consenting", "choosing", "describing", "paying", "booked", "waiting", "consulting", "entered")
TAKEN_OVER_WITHIN_S = 90.0


@pytest.fixture(scope="module")
def next_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same house with one more step in every phase of every process: a replay of an older history fails at once."""
    code = tmp_path_factory.mktemp("next") / "house"
    for room in ROOMS:
        shutil.copytree(HOUSE / room, code / room, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (code / "workflows").glob("*.py"):
        if file.name != "process.py":
            changed, phases = PHASE.subn(r"\1        await workflow.sleep(0.001)\n", file.read_text())
            file.write_text(changed)
            assert phases or file.name in {"__init__.py", "runs.py", "schedule.py"}
    assert build_of(code) != build_of(HOUSE)
    return code


@pytest_asyncio.fixture
async def own_hospital(tmp_path: Path) -> AsyncIterator[Hospital]:
    """A stack of the test's own, with the deadlines of life: nothing runs out meanwhile."""
    async with Stack(tmp_path) as stack:
        opened = Hospital(stack, tmp_path)
        try:
            await opened.open()
            yield opened
        finally:
            await opened.aclose()


@asynccontextmanager
async def running(worker: Part) -> AsyncGenerator[None]:
    await worker.start()
    try:
        yield
    finally:
        await worker.stop()


async def visits_in_every_state(hospital: Hospital) -> list[Visit]:
    """And one more whose money is on its way back: the bank takes its time."""
    visits = await asyncio.gather(*(hospital.visit(state) for state in STATES), hospital.visit("booked"))
    return list(visits)


async def on_builds(client: Client) -> set[str]:
    """Which builds the open runs are pinned to; schedule pulls come and go, and are nobody's visit."""
    return {
        (
            await client.get_workflow_handle(run.id).describe()
        ).raw_description.workflow_execution_info.versioning_info.deployment_version.build_id
        async for run in client.list_workflows("ExecutionStatus = 'Running' AND WorkflowType != 'schedule_sync'")
        if not run.id.startswith("temporal-sys")
    }


async def taken_over(hospital: Hospital, build: str) -> None:
    client = await hospital.temporal()
    await until(f"every run to be on {build}", lambda: on_builds(client), lambda found: found == {build}, TAKEN_OVER_WITHIN_S)


async def all_end(hospital: Hospital, visits: list[Visit]) -> None:
    """The last one was left after it was paid; all others are seen."""
    *seen, left = visits
    await asyncio.gather(*(visit.to("closed") for visit in seen))
    await left.until("cancelled")
    await assert_nothing_differs(hospital.stack.addresses.database_url, hospital.stack.addresses.sandbox, within_s=30)


async def while_people_go_on(visits: list[Visit], work: Callable[[], Awaitable[None]]) -> None:
    """Meanwhile somebody acts in each visit, and nobody's wish is lost."""
    *_, left = visits
    acting = asyncio.gather(
        left.act("cancel"), *(visit.to(STATES[STATES.index(state) + 1]) for visit, state in zip(visits, STATES[:-1], strict=False))
    )
    await work()
    await acting


async def test_visits_in_every_state_go_on_with_the_new_build_beside_the_old(own_hospital: Hospital, next_build: Path) -> None:
    hospital, visits = own_hospital, await visits_in_every_state(own_hospital)

    async with running(hospital.stack.worker_beside(next_build)):
        await while_people_go_on(visits, lambda: taken_over(hospital, build_of(next_build)))
        await hospital.stack.stop_part("worker")  # drained: nobody is left on it
        await all_end(hospital, visits)


@pytest.mark.long
async def test_visits_of_a_build_that_is_gone_are_begun_again_on_the_next(own_hospital: Hospital, next_build: Path) -> None:
    hospital, visits = own_hospital, await visits_in_every_state(own_hospital)
    await hospital.stack.kill("worker")

    async with running(hospital.stack.worker_beside(next_build)):
        await while_people_go_on(visits, lambda: taken_over(hospital, build_of(next_build)))
        await all_end(hospital, visits)


@pytest.mark.long
async def test_put_back_the_old_build_takes_over_again(own_hospital: Hospital, next_build: Path) -> None:
    hospital, visits = own_hospital, await visits_in_every_state(own_hospital)
    async with running(hospital.stack.worker_beside(next_build)):
        await taken_over(hospital, build_of(next_build))

    await while_people_go_on(visits, lambda: taken_over(hospital, build_of(HOUSE)))

    await all_end(hospital, visits)
