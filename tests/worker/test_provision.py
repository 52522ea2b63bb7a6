"""What a worker gives a Temporal that knows nothing of us: a hospital's own cluster, or one whose store was lost."""

from pathlib import Path

from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest, RemoveSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from models.kernel import ids
from stack.temporal import embedded_temporal
from worker.provision import RETENTION, SYNC_EVERY, SYNC_ID, provision
from workflows.runs import VISIT, Runs, run_id


async def test_a_store_that_knows_nothing_is_made_ready_twice_over(tmp_path: Path) -> None:
    async with embedded_temporal(tmp_path) as address:
        client = await Client.connect(address)
        forgotten = RemoveSearchAttributesRequest(namespace=client.namespace, search_attributes=[VISIT.name])
        await client.operator_service.remove_search_attributes(forgotten)

        for _ in range(2):
            await provision(client)

        namespace = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
        known = await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=client.namespace))
        assert namespace.config.workflow_execution_retention_ttl.ToTimedelta() == RETENTION
        assert VISIT.name in known.custom_attributes
        assert (await client.get_schedule_handle(SYNC_ID).describe()).schedule.spec.intervals[0].every == SYNC_EVERY

        visit_id = ids.new()
        await Runs(client).begin("revisit", visit_id, visit_id)
        assert (await client.get_workflow_handle(run_id("revisit", visit_id)).describe()).typed_search_attributes[VISIT] == str(visit_id)
