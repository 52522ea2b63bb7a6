"""A new build takes running visits over: its code could not replay their histories, and need not, because they walk from their rows."""

import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from stack.supervisor import Stack
from tests.auditor import assert_nothing_differs
from tests.build.takeover import Standing, all_end, opened, running, taken_over, visits_in_every_state, while_people_go_on
from tests.house.rooms import HOUSE
from tests.journeys.hospital import Hospital
from tests.journeys.people import key, read
from tests.journeys.visit import Visit
from worker.build import build_of

ROOMS = ("workflows", "activities", "models", "gateways", "worker")
PHASE = re.compile(r"(    async def _\w+\(self, now: \w+\) -> None:\n(?:        \"\"\".*?\"\"\"\n)?)", re.DOTALL)


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
            assert phases or file.name in {"__init__.py", "refill.py", "runs.py", "schedule.py"}
    assert build_of(code) != build_of(HOUSE)
    return code


@pytest_asyncio.fixture
async def own_hospital(tmp_path: Path) -> AsyncIterator[Hospital]:
    async with opened(Stack(tmp_path), tmp_path) as hospital:
        yield hospital


async def a_pull_that_hangs(hospital: Hospital) -> None:
    """Of the HIS's schedules, at a HIS that is silent: it has no row from which anybody could begin it again."""
    async with hospital.fault("his", "GET /fhir/R4/Slot", "lost", seconds=30) as met:
        read(await hospital.manager.post("/v1/schedule/syncs", key=key()))
        await met()


async def why_runs_ended(hospital: Hospital, visit: Visit) -> set[str]:
    """As management reads it."""
    told = await hospital.manager.ask(f"{visit.path}/history")
    return {one["outcome_title"] for one in told["story"] if one["what"] == "ended"}


async def all_end_well(hospital: Hospital, visits: Standing) -> None:
    await all_end(visits)
    at = hospital.stack.addresses
    standing = {"message.due"}  # by night texts wait for the morning
    await assert_nothing_differs(at.database_url, at.sandbox, standing=standing, column_keys=hospital.column_keys, within_s=30)


@pytest.mark.long
async def test_visits_in_every_state_go_on_with_the_new_build_beside_the_old(own_hospital: Hospital, next_build: Path) -> None:
    hospital, visits = own_hospital, await visits_in_every_state(own_hospital)

    async with running(hospital.stack.worker_beside(next_build)):
        await while_people_go_on(visits, lambda: taken_over(hospital, build_of(next_build)))
        await hospital.stack.stop_part("worker")  # drained: nobody is left on it
        await all_end_well(hospital, visits)


@pytest.mark.long
async def test_visits_of_a_build_that_is_gone_are_begun_again_on_the_next(own_hospital: Hospital, next_build: Path) -> None:
    hospital, visits = own_hospital, await visits_in_every_state(own_hospital)
    await a_pull_that_hangs(hospital)
    await hospital.stack.kill("worker")

    async with running(hospital.stack.worker_beside(next_build)):
        await while_people_go_on(visits, lambda: taken_over(hospital, build_of(next_build)))
        assert "原版本已停用，由新版本从记录继续" in await why_runs_ended(hospital, visits.signing)
        await all_end_well(hospital, visits)


@pytest.mark.long
async def test_put_back_the_old_build_takes_over_again(own_hospital: Hospital, next_build: Path) -> None:
    hospital, visits = own_hospital, await visits_in_every_state(own_hospital)
    async with running(hospital.stack.worker_beside(next_build)):
        await taken_over(hospital, build_of(next_build))

    await while_people_go_on(visits, lambda: taken_over(hospital, build_of(HOUSE)))

    await all_end_well(hospital, visits)
