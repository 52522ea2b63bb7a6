"""What must hold when all journeys are over, whatever they did: money agrees, no bug was met, and no run stands on a failing task."""

import json
from collections.abc import Iterator

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import Client

from tests.journeys.hospital import Hospital
from tests.journeys.people import Json, read, until

BUGS = frozenset({"request.failed", "activity.failed", "inbox.stuck", "wechat_pay.misunderstood", "wechat_pay.distrusted"})
HARMLESS = frozenset(
    {
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
    }
)
"""A message came in the moment in which a run ended, or a run was ended by force: no bug."""


async def all_is_well(hospital: Hospital) -> None:
    """Asserts all of it."""
    await until("our books and the bank's to agree", lambda: _money(hospital), lambda money: money[0] == money[1])
    balances = await hospital.manager.ask("/v1/ledger/balances")
    assert balances["total_fen"] == 0
    assert [line for part in ("api", "worker", "sandbox") for line in _lines(hospital, part) if line["event"] in BUGS] == []
    assert await _failed_tasks(hospital) == []


async def _money(hospital: Hospital) -> tuple[int, int]:
    """What stands at WeChat Pay by our ledger, and by the bank's own books."""
    ours = await hospital.manager.ask("/v1/ledger/balances")
    bank = read(await hospital.outside.get("/books/wechat_pay"))["payments"]
    at_channel = sum(one["balance_fen"] for one in ours["items"] if one["account"] == "wechat_pay")
    return at_channel, sum(one["total_fen"] for one in bank)


def _lines(hospital: Hospital, part: str) -> Iterator[Json]:
    for line in hospital.log(part).splitlines():
        if line.startswith("{"):
            yield {"event": ""} | json.loads(line)


async def _failed_tasks(hospital: Hospital) -> list[str]:
    client = await Client.connect(hospital.stack.addresses.temporal)
    failed: list[str] = []
    async for run in client.list_workflows():
        async for event in client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history_events():
            told = event.workflow_task_failed_event_attributes
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED and told.cause not in HARMLESS:
                failed.append(f"{run.id}: {WorkflowTaskFailedCause.Name(told.cause)} {told.failure.message}")
    return failed
