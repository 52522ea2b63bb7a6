"""A stack on which a second build takes over from the first: visits in every state, who acts in them meanwhile, and where runs stand."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.client import Client

from stack.part import Part
from stack.supervisor import Stack
from tests.journeys.hospital import Hospital
from tests.journeys.people import until
from tests.journeys.visit import Visit

STATES = ("consenting", "choosing", "describing", "paying", "booked", "waiting", "consulting", "entered")
TAKEN_OVER_WITHIN_S = 90.0


@asynccontextmanager
async def opened(stack: Stack, folder: Path) -> AsyncGenerator[Hospital]:
    """A hospital on a stack of the test's own, with the deadlines of life: nothing runs out meanwhile."""
    async with stack:
        hospital = Hospital(stack, folder)
        try:
            await hospital.open()
            yield hospital
        finally:
            await hospital.aclose()


@asynccontextmanager
async def running(part: Part) -> AsyncGenerator[None]:
    """A part of another build, as long as the block lasts."""
    await part.start()
    try:
        yield
    finally:
        await part.stop()


async def visits_in_every_state(hospital: Hospital) -> list[Visit]:
    """And one more whose money is on its way back: the bank takes its time."""
    visits = await asyncio.gather(*(hospital.visit(state) for state in STATES), hospital.visit("booked"))
    return list(visits)


async def on_builds(client: Client) -> set[str]:
    """Which builds the open runs are on, a pull of the HIS's schedules too."""
    return {
        (
            await client.get_workflow_handle(run.id).describe()
        ).raw_description.workflow_execution_info.versioning_info.deployment_version.build_id
        async for run in client.list_workflows("ExecutionStatus = 'Running'")
        if not run.id.startswith("temporal-sys")
    }


async def taken_over(hospital: Hospital, build: str) -> None:
    """Every open run has come to that build."""
    client = await hospital.temporal()
    await until(f"every run to be on {build}", lambda: on_builds(client), lambda found: found == {build}, TAKEN_OVER_WITHIN_S)


async def while_people_go_on(visits: list[Visit], work: Callable[[], Awaitable[None]]) -> None:
    """Meanwhile somebody acts in each visit, and nobody's wish is lost."""
    *_, left = visits
    acting = asyncio.gather(
        left.act("cancel"), *(visit.to(STATES[STATES.index(state) + 1]) for visit, state in zip(visits, STATES[:-1], strict=False))
    )
    await work()
    await acting


async def all_end(visits: Sequence[Visit]) -> None:
    """The last one was left after it was paid; all others are seen."""
    *seen, left = visits
    await asyncio.gather(*(visit.to("closed") for visit in seen))
    await left.until("cancelled")
