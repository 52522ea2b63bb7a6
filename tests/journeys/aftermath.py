"""What must hold when all journeys are over, whatever they did.

The auditor finds nothing, every process has ended or waits for somebody, no bug was met, no run stands on a failing task, and nobody's
name, number, phone or token stands in a log or a history.
"""

import re

from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from tests.auditor import audit
from tests.auditor.finding import told
from tests.journeys.hospital import Hospital
from tests.journeys.people import until
from tests.journeys.visit import CONDITION

BUGS = frozenset({"request.failed", "activity.failed", "inbox.stuck", "wechat_pay.misunderstood", "wechat_pay.distrusted"})
HARMLESS = frozenset(
    {
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
    }
)
"""A message came in the moment in which a run ended, or a run was ended by force: no bug."""

STANDING = (
    *(f"revisit.{state}" for state in ("completing", "consenting", "choosing", "describing", "paying", "booked", "waiting", "consulting")),
    "revisit.ended",
    *("charge.open", "refund.stuck", "inbox.reported", "prescription.ready"),
)
"""A person, a deadline or the bank comes next; the books must agree on all of it. A forged report is asked about for hours."""

SHAPES = re.compile(r"(?=(欧阳[\u4e00-\u9fff]{4}|\d{17}[\dX]|1[3-9]\d{9}))|([\w-]{40,})", re.ASCII)
"""A name as the journeys make them, an ID number or a phone wherever it begins; a token."""


async def all_is_well(hospital: Hospital) -> None:
    """Asserts all of it."""
    await until("our books and the outside's to agree", lambda: _differs(hospital), lambda found: not found)
    assert [line for part in ("api", "worker", "sandbox") for line in hospital.lines(part, *BUGS)] == []
    events = await _events(hospital)
    assert [one for one in events if _failed(one[1])] == []
    assert {run for run, event in events if _private(hospital, event.SerializeToString())} == set()
    assert [path.name for path in (hospital.data / "logs").iterdir() if _private(hospital, path.read_bytes())] == []


async def _differs(hospital: Hospital) -> str:
    """What the auditor finds, in its words."""
    at = hospital.stack.addresses
    found = await audit(at.database_url, at.sandbox, standing=STANDING, column_keys=hospital.column_keys, files_dir=hospital.files)
    return told(found) if found else ""


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
    why = event.workflow_task_failed_event_attributes
    return event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED and why.cause not in HARMLESS
