"""What a Temporal store must know beside its runs: how long it keeps them, what they are found by, and the schedules.

Made anew at every start, and whenever the store is found to have forgotten it: so a lost store is no loss.
"""

from datetime import timedelta

import structlog
from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
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
from temporalio.service import RPCError, RPCStatusCode

from workflows.runs import PULL, SHORT, TASK_QUEUE, VISIT, reaching

RETENTION = timedelta(days=90)
SYNC_EVERY = timedelta(minutes=5)
SYNC_ID = "schedule_sync"
log = structlog.get_logger()


async def provision(client: Client) -> None:
    """Idempotent. The schedule comes last: where it stands the rest was done. Raises what the SDK raises."""
    kept = NamespaceConfig(workflow_execution_retention_ttl=Duration(seconds=int(RETENTION.total_seconds())))
    await client.workflow_service.update_namespace(UpdateNamespaceRequest(namespace=client.namespace, config=kept))
    found_by = {VISIT.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD}  # without it no run can be started
    await client.operator_service.add_search_attributes(AddSearchAttributesRequest(namespace=client.namespace, search_attributes=found_by))
    sync = Schedule(
        action=ScheduleActionStartWorkflow("schedule_sync", id=f"{SYNC_ID}/pull", task_queue=TASK_QUEUE, execution_timeout=PULL),
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


async def provision_again(client: Client) -> bool:
    """For a store lost while we live; answers whether it was. One that knows us is left as it is, one that is away is looked at again.

    The first trigger of a schedule made again right after its end may be lost with the old one: it is given until a pull was begun.
    """
    try:
        with reaching():
            if (pulls := await _pulls(client)) is not None:
                if pulls == 0:
                    await client.get_schedule_handle(SYNC_ID).trigger(rpc_timeout=SHORT)
                return False
            log.warning("temporal.store_lost")
            await provision(client)
    except RPCError as away:
        log.info("temporal.not_provisioned", status=away.status.name)
        return False
    return True


async def _pulls(client: Client) -> int | None:
    """How often its schedule has pulled; None of a store that does not know us."""
    asked = ListSearchAttributesRequest(namespace=client.namespace)
    if VISIT.name not in (await client.operator_service.list_search_attributes(asked, timeout=SHORT)).custom_attributes:
        return None
    try:
        return (await client.get_schedule_handle(SYNC_ID).describe(rpc_timeout=SHORT)).info.num_actions
    except RPCError as gone:
        if gone.status is not RPCStatusCode.NOT_FOUND:
            raise
        return None
