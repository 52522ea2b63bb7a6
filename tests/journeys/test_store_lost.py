"""Temporal's store is lost while everything else goes on: rows are enough, for who asks and for who waits."""

import shutil
from datetime import datetime

import pytest
import pytest_asyncio
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from tests.journeys.aftermath import all_is_well
from tests.journeys.hospital import Hospital
from tests.journeys.people import key, until
from tests.journeys.visit import Visit
from worker.provision import SYNC_ID

AGAIN_WITHIN_S = 15
"""The sweep looks at a row every ten seconds, in rounds of two."""


@pytest_asyncio.fixture
async def temporal(hospital: Hospital) -> Client:
    return await Client.connect(hospital.stack.addresses.temporal)


@pytest.mark.long
async def test_the_worker_that_lived_on_makes_the_new_one_ready_and_every_visit_goes_on(hospital: Hospital, temporal: Client) -> None:
    asks, waits = await hospital.visit("booked"), await hospital.visit("waiting")
    await all_is_well(hospital)  # what the histories tell of the journeys so far goes with them
    run, pulled_at = await _run(temporal, waits), await _pulled_at(hospital)
    said = {event: _said(hospital, event) for event in ("worker.started", "temporal.provisioned")}

    await hospital.stack.kill("temporal")
    shutil.rmtree(hospital.data / "temporal")
    await hospital.stack.start_part("temporal")

    mine = key()

    async def check_in() -> int:
        return (await asks.attempt("check-in", under=mine)).status_code

    await until("the wish to be granted", check_in, lambda status: status == 200)
    await until("a run of who asks for nothing", lambda: _run(temporal, waits), lambda now: now not in {None, run}, AGAIN_WITHIN_S)
    await until("the mirror to be pulled in full", lambda: _pulled_at(hospital), lambda at: at > pulled_at)
    assert (await temporal.get_schedule_handle(SYNC_ID).describe()).schedule.spec.intervals
    assert {event: _said(hospital, event) - before for event, before in said.items()} == {"worker.started": 0, "temporal.provisioned": 1}
    for visit in (asks, waits, await hospital.visit("consenting")):
        await visit.to("closed")


async def _run(temporal: Client, visit: Visit) -> str | None:
    """The run behind a visit; None when Temporal knows of none."""
    try:
        return (await temporal.get_workflow_handle(f"revisit/{visit.id}").describe()).run_id
    except RPCError as unknown:
        if unknown.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None


async def _pulled_at(hospital: Hospital) -> datetime:
    """How old the mirror is."""
    return datetime.fromisoformat((await hospital.manager.ask("/v1/departments"))["synced_at"])


def _said(hospital: Hospital, event: str) -> int:
    """How often in the worker's log."""
    return hospital.log("worker").count(f'"event": "{event}"')
