"""A stack on which a second build takes over from the first: visits in every state, who acts in them meanwhile, and where runs stand."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client

from stack.part import Part
from stack.seed import DOCTOR
from stack.supervisor import Stack
from tests.journeys.hospital import Hospital
from tests.journeys.people import read, until
from tests.journeys.prescription import CARRIED, Prescription, queued
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


@dataclass(frozen=True, slots=True)
class Standing:
    """Who stands where while the build changes."""

    straight: list[Visit]
    """One in each of the states, in their order."""
    left: Visit
    """Its money will be on its way back: the bank takes its time."""
    signing: Visit
    """Its record waits on its doctor's phone."""
    parcel: Prescription
    """Its drugs are with the carrier, who has not yet fetched them."""


async def visits_in_every_state(hospital: Hospital) -> Standing:
    *straight, left, signing, sent = await asyncio.gather(*(hospital.visit(state) for state in (*STATES, "booked", "entered", "entered")))
    read(await hospital.doctor.record(signing.id))
    await hospital.doctor.act(f"{signing.path}/record/sign")
    parcel = await (await queued(sent)).handed_over()
    await parcel.ordered()
    return Standing(straight, left, signing, parcel)


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


async def while_people_go_on(all: Standing, work: Callable[[], Awaitable[None]]) -> None:
    """Meanwhile somebody acts in each visit, and nobody's wish is lost."""
    acting = asyncio.gather(
        all.left.act("cancel"),
        all.signing.hospital.confirm(f"doc-{DOCTOR}", all.signing.id),
        all.parcel.carried(*CARRIED),
        *(visit.to(then) for visit, then in zip(all.straight, STATES[1:], strict=False)),
    )
    await work()
    await acting


async def all_end(all: Standing) -> None:
    """One was left after it was paid; all others are seen, the record is filed once, and the parcel is with its patient."""
    await asyncio.gather(all.signing.until_record("filed"), all.parcel.until("completed"))
    assert len(await all.parcel.orders()) == 1
    await all.signing.hospital.doctor.act(f"{all.signing.path}/end")
    await asyncio.gather(*(visit.to("closed") for visit in (*all.straight, all.signing, all.parcel.visit)))
    await all.left.until("cancelled")
