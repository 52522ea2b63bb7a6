"""What the engine recorded of a visit, for management: told as one story, and as the raw events; live, or from the archive.

Names, numbers and instants; payloads stay where they are, and nobody but staff has a name here.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from temporalio.api.enums.v1 import EventType

from api.history_events import attempt_of, happened_at, named
from api.history_runs import Run, Runs
from api.history_story import Recorded, story
from api.problems import problems
from api.security import may
from api.wiring import Wired, Wiring
from models.account import AccountKind, Principal
from models.history import Entry, What
from models.stores import history as histories
from models.stores import timeline
from models.stores.history import HistoryFiles
from models.stores.reader import Reach

router = APIRouter(prefix="/v1", tags=["history"])
MayRead = Annotated[Principal, Depends(may("history:read"))]

EVENTS_MAX, RUNS_MAX = 5000, 200
Url = Annotated[str | None, Field(description="Of its run in the Temporal UI; none once Temporal has it no more.")]
Archived = Annotated[bool, Field(description="Told from the archive, since Temporal has it no more.")]


class RunOut(BaseModel):
    """A run of one of the visit's processes. With neither url nor archive it was lost, and only that it was there is known."""

    process: str = Field(examples=["charge"])
    process_id: UUID
    workflow_id: str
    run_id: str
    status: str = Field(examples=["COMPLETED"])
    began_at: datetime
    ended_at: datetime | None
    archived_at: datetime | None = Field(description="Since when its history lies in a file: within the hour after its end.")
    url: Url
    archived: Archived


class WhoOut(BaseModel):
    """Who asked: staff by name, a patient without one."""

    kind: AccountKind
    name: str | None = Field(examples=["王建国"])


class EntryOut(BaseModel):
    """One thing of the story."""

    at: datetime
    process: str = Field(examples=["revisit"])
    process_id: UUID = Field(description="Its row.")
    what: What = Field(
        description="`begun`, `renewed` (on a new build) and `ended` are of a run; `wish` is a person's, `news` the world's or another "
        "process's; `step` is one effect, `wait` a rest between two; `failed` is a workflow task, a bug of ours or a worker killed."
    )
    name: str | None = Field(description="Of the command, news, step or state.", examples=["booking.hold"])
    title: str | None = Field(description="The same in words of screens; of a wish or news, what it led to.", examples=["锁定号源"])
    who: WhoOut | None = Field(description="None: the process itself, or the outside.")
    took_s: float | None = Field(description="None while it lasts, and of what has no length.")
    attempts: int | None = Field(description="Of a step: how often it was tried.")
    waited_for: str | None = Field(
        description="Of a step tried again: how the last attempt before had failed. Of a wait: whose turn it was "
        "(`patient`, `doctor`, `hospital`, `charge`, `wechat_pay`, `logistics`), or `another_hand` that held the row.",
        examples=["outside.unknown"],
    )
    until: datetime | None = Field(description="Of a wait: its deadline.")
    outcome: str | None = Field(
        description="Of a step or run: the state it led to, or the code of its failure. Of a wish: `done`, or the code of its refusal. "
        "Of a wait: what ended it, `alarm` or the name of what came. Of `begun`: `again` if there was a run before.",
        examples=["describing"],
    )
    outcome_title: str | None = Field(description="Of a state, in words of screens.", examples=["待描述病情"])
    run_id: str
    first_event: int = Field(description="Ids of events of its run.")
    last_event: int
    url: Url
    archived: Archived


class HistoryOut(BaseModel):
    """By time. `cut`: there was more than is told, at most 5,000 events of 200 runs."""

    revisit_id: UUID
    runs: list[RunOut]
    story: list[EntryOut]
    cut: bool


class EventOut(BaseModel):
    """An event of a run, without its payload."""

    at: datetime
    process: str = Field(examples=["revisit"])
    run_id: str
    event_id: int
    type: str = Field(examples=["ACTIVITY_TASK_COMPLETED"])
    name: str | None = Field(description="Of the activity, update, signal, timer or workflow.", examples=["booking.hold"])
    attempt: int | None
    url: Url


class EventsOut(BaseModel):
    """By time. `cut`: there were more than are shown, at most 5,000 events of 200 runs."""

    revisit_id: UUID
    events: list[EventOut]
    cut: bool


@router.get("/revisits/{revisit_id}/history", responses=problems(missing=("revisit.missing",)))
async def history(revisit_id: UUID, me: MayRead, wiring: Wired) -> HistoryOut:
    """流程历史: the runs of the visit and of all processes around it, told as one story."""
    read, cut = await _read(wiring, me, revisit_id)
    async with wiring.database.reading() as db:
        told = story([recorded for _, recorded in read], await histories.begun_by(db, revisit_id))
        people = await histories.people(db, {entry.by for entry in told if entry.by})
    runs = {run.run_id: _run(wiring, run) for run, _ in read}
    return HistoryOut(
        revisit_id=revisit_id, runs=list(runs.values()), story=[_entry(entry, runs[entry.run_id], people) for entry in told], cut=cut
    )


@router.get("/revisits/{revisit_id}/history/events", responses=problems(missing=("revisit.missing",)))
async def history_events(revisit_id: UUID, me: MayRead, wiring: Wired) -> EventsOut:
    """The raw events of the same runs: for who looks into a fault, also when Temporal has them no more."""
    read, cut = await _read(wiring, me, revisit_id)
    events = [event for run, recorded in read for event in _events(_run(wiring, run), recorded)]
    return EventsOut(revisit_id=revisit_id, events=sorted(events, key=lambda event: event.at), cut=cut)


async def _read(wiring: Wiring, me: Principal, revisit_id: UUID) -> tuple[list[tuple[Run, Recorded]], bool]:
    async with wiring.database.reading() as db:
        await timeline.revisit(db, revisit_id, Reach(me.account_id, everywhere=True))
    asked = Runs(wiring.temporal, wiring.database, HistoryFiles(wiring.settings.files_dir))
    runs, cut = await asked.of_visit(revisit_id, RUNS_MAX)
    read: list[tuple[Run, Recorded]] = []
    async for run, recorded, more in asked.recorded(runs, EVENTS_MAX):
        read.append((run, recorded))
        cut = cut or more
    return read, cut


def _run(wiring: Wiring, run: Run) -> RunOut:
    ui, namespace = wiring.settings.temporal_ui_url, quote(wiring.settings.temporal_namespace, safe="")
    url = f"{ui}/namespaces/{namespace}/workflows/{quote(run.workflow_id, safe='')}/{run.run_id}/history"
    return RunOut(
        process=run.process,
        process_id=run.process_id,
        workflow_id=run.workflow_id,
        run_id=run.run_id,
        status=run.status,
        began_at=run.began_at,
        ended_at=run.ended_at,
        archived_at=run.archived_at,
        url=url if run.there else None,
        archived=not run.there and run.file is not None,
    )


def _entry(entry: Entry, run: RunOut, people: Mapping[UUID, histories.Person]) -> EntryOut:
    person = people.get(entry.by) if entry.by else None
    who = WhoOut(kind=person.kind, name=person.name) if person else None
    return EntryOut(**asdict(entry), who=who, url=run.url, archived=run.archived)


def _events(run: RunOut, recorded: Recorded) -> list[EventOut]:
    return [
        EventOut(
            at=happened_at(event),
            process=run.process,
            run_id=run.run_id,
            event_id=event.event_id,
            type=EventType.Name(event.event_type).removeprefix("EVENT_TYPE_"),
            name=name,
            attempt=attempt_of(event),
            url=run.url,
        )
        for event, name in named(recorded.events)
    ]
