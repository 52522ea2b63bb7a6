"""A real Temporal Server out of the wheel."""

from datetime import timedelta
from pathlib import Path

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client

from stack.temporal import embedded_temporal
from tests.stack.leftovers import processes_of


async def test_it_keeps_histories_for_a_quarter_and_groups_them_by_visit_also_after_kill_9(tmp_path: Path) -> None:
    for _ in range(2):  # leaving the first one kills it
        async with embedded_temporal(tmp_path) as address:
            client = await Client.connect(address)
            namespace = await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace="default"))

            assert namespace.config.workflow_execution_retention_ttl.ToTimedelta() == timedelta(days=90)
            assert "Visit" in namespace.config.custom_search_attribute_aliases.values()

        assert not processes_of(tmp_path)
