"""What no history tells any more, from the timeline: the engine's store was lost, or a run before it was archived.

Pure: what was done and what is told in, the rest out. The timeline knows what was done, by whom and when; not how often it was tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from api.history_events import Recorded, happened_at
from api.history_story import Story
from models.history import Entry, What, asked_before, state_title
from models.stores.history import Done, Process
from models.stores.suspension_timeline import Cause
from models.suspension import OUTCOME_TEXTS, wanted_by
from models.timeline import STEP_TEXTS

LATE: Final = timedelta(minutes=1)
"""A run begins within seconds of its row; whatever was later than this is not told from the beginning."""
_OPENED: Final = "open"
"""Key of what inserts a row: done by no run, so no history has it."""


@dataclass(frozen=True, slots=True)
class Told:
    """How far the histories tell of a process: from when on, and whether nothing of it is missing."""

    begins_at: datetime | None
    complete: bool
    late: bool = False
    """The first of its runs that is told began long after its row."""


def told_of(
    rows: Sequence[Process], runs: Sequence[Recorded], story: Story, done: Sequence[Done], *, away: bool = False
) -> dict[UUID, Told]:
    """By process. Not complete: a step stands in the timeline alone, a run or the one that it went on as has no history, or the first
    began late; with the engine away, no run that came to the process's end is known.
    """
    begins: dict[UUID, datetime] = {}
    missing = {one.process_id for one in untold(story, done)}
    known = {run.run_id for run in runs}
    for run in runs:
        if run.events:
            if (goes_on := _goes_on_as(run)) and goes_on not in known:
                missing.add(run.process_id)
            began = happened_at(run.events[0])
            begins[run.process_id] = min(began, begins.get(run.process_id, began))
        else:
            missing.add(run.process_id)
    if away:
        missing |= {row.id for row in rows} - {run.process_id for run in runs if _came_to_its_end(run)}
    late = {row.id for row in rows if (at := begins.get(row.id)) and at - row.created_at > LATE}
    return {row.id: Told(begins.get(row.id), row.id not in missing | late, row.id in late) for row in rows}


def _goes_on_as(run: Recorded) -> str | None:
    return run.events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id or None


def _came_to_its_end(run: Recorded) -> bool:
    return bool(run.events) and run.events[-1].HasField("workflow_execution_completed_event_attributes")


def untold(story: Story, done: Sequence[Done]) -> list[Done]:
    """Steps that no history tells of."""
    return [one for one in done if one.key != _OPENED and (one.process_id, one.key) not in story.keys]


def filled(story: Story, told: dict[UUID, Told], done: Sequence[Done], asked_at: dict[UUID, datetime]) -> list[Entry]:
    """The story with what the timeline alone knows put where it belongs. What begins in the middle is begun again there."""
    lost = untold(story, done)
    headless = {one.process_id for one in lost if (at := told[one.process_id].begins_at) is None or one.at < at}
    headless |= {id for id, one in told.items() if one.late}
    opened = [one for one in done if one.key == _OPENED and one.process_id in headless]
    for entry in story.entries:
        if entry.what is What.BEGUN and entry.process_id in headless:
            entry.by, entry.outcome = None, "again"
    came = {str(id): at for id, at in asked_at.items()}
    put = [_entry(one, came.get(one.key)) for one in (*opened, *lost)]
    return sorted((*story.entries, *put), key=lambda entry: entry.at)


def met(causes: Sequence[Cause]) -> list[Entry]:
    """The suspensions that met the visit: their runs are told with none of the many that they meet."""
    return [
        Entry(
            at=one.met_at,
            process="suspension",
            process_id=one.suspension_id,
            what=What.STEP,
            name="suspension.clear",
            title=STEP_TEXTS["suspension.clear"],
            by=one.by,
            asked_at=asked_before(one.met_at, one.known_at),
            outcome=one.outcome,
            outcome_title=OUTCOME_TEXTS[one.outcome],
        )
        for one in causes
    ]


def met_about(one: Cause) -> str:
    """Whose word a suspension is, and of what."""
    return f"{wanted_by(one.doctor_id)}（{one.doctor_id or one.schedule_id}）"


def _entry(one: Done, asked_at: datetime | None) -> Entry:
    return Entry(
        at=one.at,
        process=one.process,
        process_id=one.process_id,
        what=What.STEP,
        name=one.name,
        title=STEP_TEXTS.get(one.name),
        by=one.by,
        asked_at=asked_before(one.at, asked_at),
        outcome=one.after,
        outcome_title=state_title(one.process, one.after, stopped=one.by is None),
        office=one.detail.get("office"),
        voucher=one.detail.get("voucher"),
    )
