"""A store that is lost while the worker lives is made ready again; one that knows us is left alone."""

import asyncio
from pathlib import Path

import structlog
from temporalio.api.operatorservice.v1 import RemoveSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from models.kernel import ids
from stack.temporal import embedded_temporal
from tests.settings import settings
from worker.provision import SYNC_ID, provision, provision_again
from workflows.runs import VISIT, Runs, run_id


async def pulls(client: Client) -> int:
    """How often the schedule was triggered."""
    return (await client.get_schedule_handle(SYNC_ID).describe()).info.num_actions


async def begins(client: Client) -> bool:
    """Whether a visit's run can be begun."""
    visit_id = ids.new()
    await Runs(client).begin("revisit", visit_id, visit_id)
    try:
        await client.get_workflow_handle(run_id("revisit", visit_id)).describe()
    except RPCError as unknown:
        if unknown.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False
    return True


async def pulled_once(client: Client) -> None:
    """The schedule counts what it was triggered to do in its own time."""
    async with asyncio.timeout(30):
        while await pulls(client) < 1:  # noqa: ASYNC110  its description is all that a schedule shows of itself
            await asyncio.sleep(0.05)


async def test_what_a_lost_store_has_forgotten_is_made_again_once(tmp_path: Path) -> None:
    async with embedded_temporal(tmp_path) as address:
        client = await Client.connect(address)
        await provision(client)
        await pulled_once(client)
        assert not await provision_again(client)
        assert await pulls(client) == 1, "nothing was lost, so nothing is pulled"

        forgotten = RemoveSearchAttributesRequest(namespace=client.namespace, search_attributes=[VISIT.name])
        await client.operator_service.remove_search_attributes(forgotten)
        assert not await begins(client)
        assert [await provision_again(client) for _ in range(2)] == [True, False]
        assert await begins(client)

        await client.get_schedule_handle(SYNC_ID).delete()
        assert [await provision_again(client) for _ in range(2)] == [True, False]


async def test_a_schedule_whose_first_trigger_was_lost_is_triggered_until_it_has_pulled(tmp_path: Path) -> None:
    """As one that is made again within the moment in which it was deleted."""
    async with embedded_temporal(tmp_path) as address:
        client = await Client.connect(address)
        await provision(client)
        await pulled_once(client)
        schedule = (await client.get_schedule_handle(SYNC_ID).describe()).schedule
        await client.get_schedule_handle(SYNC_ID).delete()
        await client.create_schedule(SYNC_ID, schedule)
        assert await pulls(client) == 0

        async with asyncio.timeout(30):
            while await pulls(client) == 0:
                assert not await provision_again(client), "it knows us"
                await asyncio.sleep(0.5)

        pulled = await pulls(client)
        assert not await provision_again(client)
        assert await pulls(client) == pulled


async def test_one_that_is_away_is_looked_at_again() -> None:
    client = await Client.connect(settings().temporal_address, lazy=True)
    with structlog.testing.capture_logs() as lines:
        assert not await provision_again(client)
    assert [(line["event"], line["status"]) for line in lines] == [("temporal.not_provisioned", "UNAVAILABLE")]
