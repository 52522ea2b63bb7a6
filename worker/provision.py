"""What a Temporal store must know beside its runs: how long it keeps them, what they are found by, and the schedules.

Made anew at every start, so that a lost store is no loss.
"""

from datetime import timedelta

import structlog
from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)

from workflows.runs import TASK_QUEUE, VISIT

RETENTION = timedelta(days=90)
SYNC_EVERY = timedelta(minutes=5)
SYNC_ID = "schedule_sync"
log = structlog.get_logger()


async def provision(client: Client) -> None:
    """Idempotent."""
    kept = NamespaceConfig(workflow_execution_retention_ttl=Duration(seconds=int(RETENTION.total_seconds())))
    await client.workflow_service.update_namespace(UpdateNamespaceRequest(namespace=client.namespace, config=kept))
    found_by = {VISIT.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD}  # without it no run can be started
    await client.operator_service.add_search_attributes(AddSearchAttributesRequest(namespace=client.namespace, search_attributes=found_by))
    sync = Schedule(
        action=ScheduleActionStartWorkflow("schedule_sync", id=f"{SYNC_ID}/pull", task_queue=TASK_QUEUE),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=SYNC_EVERY)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=timedelta(minutes=10)),
    )
    try:
        await client.create_schedule(SYNC_ID, sync)
    except ScheduleAlreadyRunningError:

        async def as_it_should_be(_: ScheduleUpdateInput) -> ScheduleUpdate:
            return ScheduleUpdate(sync)

        await client.get_schedule_handle(SYNC_ID).update(as_it_should_be)
    await client.get_schedule_handle(SYNC_ID).trigger()  # in full at every start
    log.info("temporal.provisioned", retention_days=RETENTION.days)
