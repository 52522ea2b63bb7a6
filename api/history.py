"""What the engine recorded of a visit: the events of all runs of its processes in one list, with links into the Temporal UI.

Names, numbers and instants of events; payloads stay where they are. A plain first version: runs that Temporal still keeps.
"""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecution
from temporalio.service import RPCError, RPCStatusCode

from api.problems import problems
from api.runs import asking
from api.security import may
from api.wiring import Wired
from models.account import Principal
from models.stores import timeline
from models.stores.reader import Reach

router = APIRouter(prefix="/v1", tags=["history"])
MayRead = Annotated[Principal, Depends(may("history:read"))]

EVENTS_MAX, RUNS_MAX = 5000, 200
PAGE = timedelta(seconds=5)
"""How long Temporal may take for one page of events or of runs."""
_NAMED_BY = ("activity_type", "workflow_type")
_NAMES = ("signal_name", "timer_id")
_BEGUN_BY = ("scheduled_event_id", "accepted_event_id")
"""Fields that name what an event is of, or the event of the same run that does."""


class RunOut(BaseModel):
    """A run of one of the visit's processes."""

    process: str = Field(examples=["charge"])
    workflow_id: str
    run_id: str
    status: str = Field(examples=["COMPLETED"])
    began_at: datetime
    ended_at: datetime | None
    url: str = Field(description="In the Temporal UI.")


class EventOut(BaseModel):
    """An event of a run, without its payload."""

    at: datetime
    process: str = Field(examples=["revisit"])
    run_id: str
    event_id: int
    type: str = Field(examples=["ACTIVITY_TASK_COMPLETED"])
    name: str | None = Field(description="Of the activity, update, signal, timer or workflow.", examples=["booking.hold"])
    attempt: int | None
    url: str = Field(description="Of its run in the Temporal UI.")


class HistoryOut(BaseModel):
    """By time. `cut`: there was more than is shown, at most 5,000 events of 200 runs."""

    revisit_id: UUID
    runs: list[RunOut]
    events: list[EventOut]
    cut: bool


@router.get("/revisits/{revisit_id}/history", responses=problems(missing=("revisit.missing",)))
async def history(revisit_id: UUID, me: MayRead, wiring: Wired) -> HistoryOut:
    """The events of the visit's and its charge's runs, of every run of the chain."""
    async with wiring.database.reading() as db:
        await timeline.revisit(db, revisit_id, Reach(me.account_id, everywhere=True))
    with asking():
        runs = await _runs(wiring.temporal, revisit_id)
    told = [_run(wiring, one) for one in runs[:RUNS_MAX]]
    with asking():
        events, more = await events_of(wiring.temporal, told, EVENTS_MAX)
    return HistoryOut(revisit_id=revisit_id, runs=told, events=events, cut=more or len(runs) > RUNS_MAX)


async def events_of(client: Client, runs: list[RunOut], most: int) -> tuple[list[EventOut], bool]:
    """The runs' events by time, at most so many of the first runs, and whether there were more."""
    found: list[EventOut] = []
    for run in runs:
        async for event in _events(client, run):
            if len(found) == most:
                return _by_time(found), True
            found.append(event)
    return _by_time(found), False


def _by_time(events: list[EventOut]) -> list[EventOut]:
    """Events of one run stay in the run's order."""
    return sorted(events, key=lambda event: event.at)


async def _runs(client: Client, revisit_id: UUID) -> list[WorkflowExecution]:
    """Oldest first, one more than is shown."""
    found = [one async for one in client.list_workflows(f"Visit = '{revisit_id}'", limit=RUNS_MAX + 1, rpc_timeout=PAGE)]
    return sorted(found, key=lambda one: one.start_time)


def _run(wiring: Wired, one: WorkflowExecution) -> RunOut:
    ui, namespace = wiring.settings.temporal_ui_url, quote(wiring.settings.temporal_namespace, safe="")
    return RunOut(
        process=one.id.partition("/")[0],
        workflow_id=one.id,
        run_id=one.run_id,
        status=one.status.name if one.status else "UNKNOWN",
        began_at=one.start_time,
        ended_at=one.close_time,
        url=f"{ui}/namespaces/{namespace}/workflows/{quote(one.id, safe='')}/{one.run_id}/history",
    )


async def _events(client: Client, run: RunOut) -> AsyncIterator[EventOut]:
    """A run that is no longer kept has none."""
    names: dict[int, str] = {}
    try:
        async for event in client.get_workflow_handle(run.workflow_id, run_id=run.run_id).fetch_history_events(rpc_timeout=PAGE):
            told: Any = getattr(event, event.WhichOneof("attributes") or "", None)
            name = _name(told, names)
            if name is not None:
                names[event.event_id] = name
            yield _event(run, event, name, getattr(told, "attempt", None))
    except RPCError as lost:
        if lost.status is not RPCStatusCode.NOT_FOUND:
            raise


def _event(run: RunOut, event: HistoryEvent, name: str | None, attempt: int | None) -> EventOut:
    return EventOut(
        at=event.event_time.ToDatetime(tzinfo=UTC),
        process=run.process,
        run_id=run.run_id,
        event_id=event.event_id,
        type=EventType.Name(event.event_type).removeprefix("EVENT_TYPE_"),
        name=name,
        attempt=attempt or None,
        url=run.url,
    )


def _name(told: Any, names: dict[int, str]) -> str | None:
    """By its own word, or by that of the event that began it."""
    if hasattr(told, "accepted_request"):
        return str(told.accepted_request.input.name)
    for field in _NAMED_BY:
        if named := getattr(told, field, None):
            return str(named.name)
    for field in _NAMES:
        if word := getattr(told, field, None):
            return str(word)
    return next((names[begun] for field in _BEGUN_BY if (begun := getattr(told, field, 0)) in names), None)
