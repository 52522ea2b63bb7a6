"""What the engine recorded of a visit, for management: told as one story, and as the raw events; live, or from the archive.

Names, numbers and instants; payloads stay where they are, and nobody but staff has a name here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from temporalio.api.enums.v1 import EventType

from api.history_events import Recorded, attempt_of, happened_at, named
from api.history_process import ProcessOut, TaskOut, WhoOut, about, process_out
from api.history_runs import Read, Run, Runs
from api.history_story import story
from api.history_timeline import filled, met, met_about, told_of
from api.problems import problems
from api.security import may
from api.sentences import SENTENCES
from api.wiring import Wired, Wiring
from models.account import Principal
from models.history import FAILURE_TEXTS, OUTCOME_TEXTS, Entry, What, folded
from models.stores import history as histories
from models.stores import suspension_timeline, timeline
from models.stores.history import HistoryFiles
from models.stores.reader import Reach

router = APIRouter(prefix="/v1", tags=["history"])
MayRead = Annotated[Principal, Depends(may("history:read"))]

EVENTS_MAX, RUNS_MAX = 5000, 200
Url = Annotated[str | None, Field(description="Of its run in the Temporal UI; none once Temporal has it no more.")]
Archived = Annotated[bool, Field(description="Told from the archive, since Temporal has it no more, or is away.")]
Away = Annotated[bool, Field(description="Temporal did not answer in time: what only it knows is not told. Ask again later.")]


class RunOut(BaseModel):
    """A run of one of the visit's processes. With neither url nor archive it was lost, or Temporal is away: no more of it is known."""

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


class CauseOut(BaseModel):
    """Why a step was tried again."""

    cause: str = Field(examples=["outside.unknown"])
    cause_text: str | None = Field(examples=["对方系统没有答复"])
    attempts: int | None = Field(description="How many failed for it; none where only the last failure is known.")


class EntryOut(TaskOut):
    """One thing of the story. `trouble`, `office` and `voucher`: of what a refund then stood at, or was wished."""

    at: datetime
    source: Literal["history", "timeline"] = Field(
        description="`timeline`: no history tells of it any more; it was done then and so, and how long it took or was waited for is "
        "lost. Of a `suspension`: its rows tell that it met this visit; it meets many, and none has its runs."
    )
    process: str = Field(examples=["revisit"])
    process_id: UUID = Field(description="Its row.")
    about: str | None = Field(
        description="Of money: which charge or refund. Of a `suspension`: whose word, of what.", examples=["医事服务费 50.00元"]
    )
    what: What = Field(
        description="`begun`, `renewed` (on a new build) and `ended` are of a run; `wish` is a person's, `news` the world's or another "
        "process's; `step` is one effect, `wait` a rest between two; `failed` is a workflow task, a bug of ours or a worker killed."
    )
    name: str | None = Field(description="Of the command, news, step or state.", examples=["booking.hold"])
    title: str | None = Field(description="The same in words of screens; of a wish, what it led to.", examples=["锁定号源"])
    who: WhoOut | None = Field(description="None: the process itself, or the outside.")
    asked_at: datetime | None = Field(description="Of a wish or news that its run took noticeably later: when it was asked or came.")
    took_s: float | None = Field(description="None while it lasts, and of what has no length.")
    attempts: int | None = Field(description="Of a step: how often it was tried.")
    waited_for: str | None = Field(
        description="Of a step tried again: the last of its `causes`. Of a wait: whose turn it was "
        "(`patient`, `doctor`, `hospital`, `charge`, `wechat_pay`, `logistics`), or `another_hand` that held the row.",
        examples=["outside.unknown"],
    )
    causes: list[CauseOut] = Field(
        description="Of a step tried again: each cause with its number of attempts, the most frequent first. "
        "That the hand before was still at work (`step.at_work`) is told only where no other cause is known."
    )
    until: datetime | None = Field(description="Of a wait: its deadline.")
    times: int | None = Field(
        description="Of news: how often its run was told of it; `at` is the first time. It is told again until the run acts on it. "
        "Of a wish: the same, where its run ended with it and another took it up. "
        "Of a step: how often it was done in a row with nothing changed by it; the rests between are not told."
    )
    last_at: datetime | None = Field(description="Of what is told once and was more often: the last time.")
    outcome: str | None = Field(
        description="Of a step or run: the state it led to, or the code of its failure. Of a wish: `done`, or the code of its refusal. "
        "Of what was cut off when its run was ended: the same as that run's. Of a wait: what ended it, `alarm` or the name of what came. "
        "Of `begun`: `again` if there was a run before. Of `ended`, and of the wait then: `build_gone` when no worker of the run's "
        "build was left, so that another was begun on the next one.",
        examples=["describing"],
    )
    outcome_title: str | None = Field(description="In words of screens; of a refusal its sentence.", examples=["待描述病情"])
    run_id: str | None
    first_event: int | None = Field(description="Ids of events of its run.")
    last_event: int | None
    url: Url
    archived: Archived


class HistoryOut(BaseModel):
    """By time. `cut`: there was more than is told, at most 5,000 events of 200 runs.

    `complete` false: cut, some history is lost, or Temporal is away; `processes` say of which, and what the timeline knows is told in
    its place.
    """

    revisit_id: UUID
    complete: bool
    temporal_away: Away
    processes: list[ProcessOut]
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
    """By time. `cut`: there were more than are shown, at most 5,000 events of 200 runs.

    `complete` false: cut, runs are `untold`, or Temporal is away.
    """

    revisit_id: UUID
    complete: bool
    temporal_away: Away
    untold: list[str] = Field(description="Ids of runs of which no event can be told: not by Temporal, and by no file.")
    events: list[EventOut]
    cut: bool


@router.get("/revisits/{revisit_id}/history", responses=problems(missing=("revisit.missing",)))
async def history(revisit_id: UUID, me: MayRead, wiring: Wired) -> HistoryOut:
    """流程历史: the runs of the visit and of all processes around it, told as one story."""
    rows = await _rows(wiring, me, revisit_id)
    async with wiring.database.reading() as db:  # before the histories: what is done here by now, they tell
        done = await histories.done(db, revisit_id)
        asked_at = await histories.kept_at(db, [row.id for row in rows])
        begun_by = await histories.begun_by(db, revisit_id)
        causes = await suspension_timeline.causes(db, revisit_id)
    read = await _read(wiring, revisit_id, rows)
    recorded = [one for _, one in read.runs]
    tale = story(recorded, begun_by, asked_at)
    told = told_of(rows, recorded, tale, done, away=read.away)
    entries = tale.entries if read.cut else filled(tale, told, done, asked_at)
    entries = folded(sorted((*met(causes), *entries), key=lambda entry: entry.at))
    givers = {one.process_id: one.by for one in done if one.name == "refund.hand_over"}
    async with wiring.database.reading() as db:
        people = await histories.people(db, {by for by in (*(entry.by for entry in entries), *givers.values()) if by})
    runs = {run.run_id: _run(wiring, run) for run, _ in read.runs}
    named = {row.id: about(row) for row in rows} | {one.suspension_id: met_about(one) for one in causes}
    return HistoryOut(
        revisit_id=revisit_id,
        complete=not read.cut and not read.away and all(one.complete for one in told.values()),
        temporal_away=read.away,
        processes=[process_out(row, told[row.id], WhoOut.of(givers.get(row.id), people)) for row in rows],
        runs=list(runs.values()),
        story=[_entry(entry, runs.get(entry.run_id or ""), named.get(entry.process_id), people) for entry in entries],
        cut=read.cut,
    )


@router.get("/revisits/{revisit_id}/history/events", responses=problems(missing=("revisit.missing",)))
async def history_events(revisit_id: UUID, me: MayRead, wiring: Wired) -> EventsOut:
    """The raw events of the same runs: for who looks into a fault, also when Temporal has them no more."""
    read = await _read(wiring, revisit_id, await _rows(wiring, me, revisit_id))
    events = [event for run, recorded in read.runs for event in _events(_run(wiring, run), recorded)]
    untold = [run.run_id for run, recorded in read.runs if not recorded.events]
    return EventsOut(
        revisit_id=revisit_id,
        complete=not (read.cut or read.away or untold),
        temporal_away=read.away,
        untold=untold,
        events=sorted(events, key=lambda event: event.at),
        cut=read.cut,
    )


async def _rows(wiring: Wiring, me: Principal, revisit_id: UUID) -> list[histories.Process]:
    """The visit's processes, for who may read them. Raises `revisit.missing`."""
    async with wiring.database.reading() as db:
        await timeline.revisit(db, revisit_id, Reach(me.account_id, everywhere=True))
        return await histories.processes(db, revisit_id)


async def _read(wiring: Wiring, revisit_id: UUID, rows: Sequence[histories.Process]) -> Read:
    asked = Runs(wiring.temporal, wiring.database, HistoryFiles(wiring.settings.files_dir))
    return await asked.read(await asked.of_visit(revisit_id, RUNS_MAX, [(row.process, row.id) for row in rows]), EVENTS_MAX)


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


def _entry(entry: Entry, run: RunOut | None, named: str | None, people: Mapping[UUID, histories.Person]) -> EntryOut:
    causes = [
        CauseOut(cause=cause, cause_text=FAILURE_TEXTS.get(cause), attempts=attempts)
        for cause, attempts in sorted(entry.causes.items(), key=lambda one: -(one[1] or 0))
    ]
    outcome = entry.outcome or ""
    said = {
        "outcome_title": entry.outcome_title or OUTCOME_TEXTS.get(outcome) or SENTENCES.get(outcome),
        "causes": causes,
        "source": "history" if run else "timeline",
        "about": named,
        "who": WhoOut.of(entry.by, people),
        "url": run.url if run else None,
        "archived": run.archived if run else False,
    }
    return EntryOut.model_validate(asdict(entry) | said)


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
