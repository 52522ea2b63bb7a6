"""What must hold when all journeys are over, whatever they did.

Money agrees, no bug was met, no run stands on a failing task, and nobody's name, number, phone or token stands in a log or a history.
"""

import json
import re
from collections.abc import Iterator

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from tests.journeys.hospital import Hospital
from tests.journeys.people import Json, read, until
from tests.journeys.visit import CONDITION

BUGS = frozenset({"request.failed", "activity.failed", "inbox.stuck", "wechat_pay.misunderstood", "wechat_pay.distrusted"})
HARMLESS = frozenset(
    {
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
    }
)
"""A message came in the moment in which a run ended, or a run was ended by force: no bug."""

SHAPES = re.compile(r"(?=(欧阳[\u4e00-\u9fff]{4}|\d{17}[\dX]|1[3-9]\d{9}))|([\w-]{40,})", re.ASCII)
"""A name as the journeys make them, an ID number or a phone wherever it begins; a token."""


async def all_is_well(hospital: Hospital) -> None:
    """Asserts all of it."""
    await until("our books and the bank's to agree", lambda: _money(hospital), lambda money: money[0] == money[1])
    balances = await hospital.manager.ask("/v1/ledger/balances")
    assert balances["total_fen"] == 0
    assert [line for part in ("api", "worker", "sandbox") for line in _lines(hospital, part) if line["event"] in BUGS] == []
    events = await _events(hospital)
    assert [told for told in events if _failed(told[1])] == []
    assert {run for run, event in events if _private(hospital, event.SerializeToString())} == set()
    assert [path.name for path in (hospital.data / "logs").iterdir() if _private(hospital, path.read_bytes())] == []


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


def _private(hospital: Hospital, stored: bytes) -> set[str]:
    """What stands there of that which must not. Searched by shape: thousands of words, one by one, would take minutes."""
    text = stored.decode(errors="replace")
    return {part for found in SHAPES.findall(text) for part in found} & hospital.private | ({CONDITION} if CONDITION in text else set())


async def _events(hospital: Hospital) -> list[tuple[str, HistoryEvent]]:
    """Of every run that the engine has."""
    client = await Client.connect(hospital.stack.addresses.temporal)
    return [
        (run.id, event)
        async for run in client.list_workflows()
        async for event in client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history_events()
    ]


def _failed(event: HistoryEvent) -> bool:
    told = event.workflow_task_failed_event_attributes
    return event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED and told.cause not in HARMLESS
