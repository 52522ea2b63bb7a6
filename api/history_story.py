"""The histories of a visit's runs as one story: who wanted what, what was done and how often it was tried, what was waited for.

Pure: events in, entries out. Of payloads only ids, states and instants are read; words that somebody typed never stand in one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from temporalio.api.enums.v1 import TimeoutType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent

from api.history_events import BY_FORCE, HARMLESS, HELD, Recorded, builds_gone, failure_code, happened_at, noted_in, payloads_of, waited
from models.history import BUILD_GONE, FIRST_STATES, NEWS_TEXTS, PROCESS_TITLES, Entry, What, asked_before, state_title, whose_turn
from models.revisit import State
from models.timeline import STEP_TEXTS


@dataclass(slots=True)
class Story:
    """`keys`: under which keys of the timeline its steps were set out for, by process row."""

    entries: list[Entry]
    keys: set[tuple[UUID, str]]


def story(runs: Iterable[Recorded], begun_by: Mapping[UUID, UUID], asked_at: Mapping[UUID, datetime] | None = None) -> Story:
    """By time; of one run in its own order. Runs oldest first, so that one begun again is known as such.

    `begun_by`: the account that wanted a process, by the process's row; of the others another process did. `asked_at`: when an event
    was kept for a run, by the event's id.
    """
    told: list[Entry] = []
    keys: set[tuple[UUID, str]] = set()
    steps_of: dict[str, str] = {}
    wanted: list[tuple[Entry, str]] = []
    heard: dict[UUID, dict[str, Entry]] = {}
    runs = list(runs)
    gone = builds_gone(runs)
    for run in runs:
        again = run.process_id in heard
        known = heard.setdefault(run.process_id, {})
        teller = _Teller(run, again=again, gone=run.run_id in gone, begun_by=begun_by.get(run.process_id), heard=known)
        told += teller.tell()
        steps_of |= teller.steps_of
        wanted += teller.wanted
        keys |= {(run.process_id, key) for key in teller.keys}
    came = {str(id): at for id, at in (asked_at or {}).items()}
    for entry, event_id in wanted:
        told_as = NEWS_TEXTS.get(entry.name or "") if entry.what is What.NEWS else None
        entry.title = told_as or STEP_TEXTS.get(steps_of.get(event_id, ""))
        entry.asked_at = asked_before(entry.at, came.get(event_id))
    return Story(sorted(told, key=lambda entry: entry.at), keys)


class _Teller:
    """Walks through the events of one run. It rests when no step is open and nobody is heard: what ends the rest ends a wait."""

    def __init__(self, run: Recorded, *, again: bool, gone: bool, begun_by: UUID | None, heard: dict[str, Entry]) -> None:
        self._run, self._again, self._gone, self._begun_by, self._heard = run, again, gone, begun_by, heard
        self._told: list[Entry] = []
        self._quiet: set[int] = set()
        """Entries that are told only if they were not as ever: a row that was read."""
        self.steps_of: dict[str, str] = {}
        """The step that acted on an event, by the event's id."""
        self.keys: set[str] = set()
        self.wanted: list[tuple[Entry, str]] = []
        self._steps: dict[int, Entry] = {}
        self._wishes: dict[int, Entry] = {}
        self._unheard: set[str] = set()
        self._row: dict[str, Any] = {}
        self._rest: tuple[datetime, int] | None = None
        self._knocked: tuple[HistoryEvent, str] | None = None
        """The last knock in this rest for news that is told already: it ends the rest only if a step follows."""
        self._until: datetime | None = None
        self._held = False

    def tell(self) -> list[Entry]:
        for event in self._run.events:
            kind = (event.WhichOneof("attributes") or "").removesuffix("_event_attributes")
            tell: Any = getattr(self, f"_{kind}", None)
            if tell:
                tell(event, getattr(event, f"{kind}_event_attributes"))
            elif by_force := BUILD_GONE if self._gone and kind in BY_FORCE else BY_FORCE.get(kind):
                self._wakes(event, by_force)
                for cut_off in (*self._steps.values(), *self._wishes.values()):
                    self._ends(cut_off, event, by_force)
                self._closes(event, What.ENDED, by_force)
        if self._run.open:
            self._stands()
        return [entry for entry in self._told if id(entry) not in self._quiet]

    def _entry(self, event: HistoryEvent, what: What, name: str | None = None) -> Entry:
        run = self._run
        entry = Entry(
            at=happened_at(event),
            process=run.process,
            process_id=run.process_id,
            run_id=run.run_id,
            what=what,
            name=name,
            first_event=event.event_id,
            last_event=event.event_id,
        )
        self._told.append(entry)
        return entry

    def _says(self, entry: Entry, *told: Mapping[str, Any]) -> None:
        """What a refund, or a wish for one, says of who is to do what about it."""
        if self._run.process == "refund":
            for one in told:
                entry.trouble = one.get("trouble") or entry.trouble
                entry.office = one.get("office") or entry.office
                entry.voucher = one.get("voucher") or entry.voucher

    def _ends(self, entry: Entry, event: HistoryEvent, outcome: str | None) -> None:
        entry.took_s = (happened_at(event) - entry.at).total_seconds()
        entry.outcome, entry.outcome_title = outcome, self._title(outcome)
        if entry.run_id == self._run.run_id:
            entry.last_event = event.event_id

    def _title(self, state: str | None) -> str | None:
        return state_title(self._run.process, state, stopped=self._row.get("leaving_as") == State.SUSPENDED)

    # How a run begins and ends

    def _workflow_execution_started(self, event: HistoryEvent, told: Any) -> None:
        """Begun without its row it loads it first; the first state is a guess that such a run tells nobody."""
        rows = [row for row in payloads_of(told.input)[1:2] if row]
        self._row = rows[0] if rows else {"state": FIRST_STATES.get(self._run.process)}
        if not told.continued_execution_run_id:
            entry = self._entry(event, What.BEGUN, self._run.process)
            entry.title = PROCESS_TITLES.get(self._run.process)
            entry.by, entry.outcome = (None, "again") if self._again else (self._begun_by, None)

    def _workflow_execution_completed(self, event: HistoryEvent, told: Any) -> None:
        self._closes(event, What.ENDED, payloads_of(told.result)[0].get("state"))

    def _workflow_execution_continued_as_new(self, event: HistoryEvent, _: Any) -> None:
        self._closes(event, What.RENEWED, None)

    def _workflow_execution_failed(self, event: HistoryEvent, told: Any) -> None:
        self._closes(event, What.ENDED, "failed").waited_for = failure_code(told.failure)

    def _closes(self, event: HistoryEvent, what: What, outcome: str | None) -> Entry:
        entry = self._entry(event, what, self._run.process)
        entry.title, entry.outcome, entry.outcome_title = PROCESS_TITLES.get(self._run.process), outcome, self._title(outcome)
        entry.took_s = (entry.at - happened_at(self._run.events[0])).total_seconds()
        return entry

    # Who comes

    def _workflow_execution_update_accepted(self, event: HistoryEvent, told: Any) -> None:
        name = told.accepted_request.input.name
        [wish, *_] = payloads_of(told.accepted_request.input.args)
        self._wakes(event, name)
        self._wishes[event.event_id] = entry = self._comes(event, What.WISH, name, wish)
        self._says(entry, wish)
        entry.by = UUID(wish["by"]) if "by" in wish else None

    def _workflow_execution_update_completed(self, event: HistoryEvent, told: Any) -> None:
        if wish := self._wishes.pop(told.accepted_event_id, None):
            self._ends(wish, event, failure_code(told.outcome.failure) if told.outcome.HasField("failure") else "done")
            self._unheard -= {id for entry, id in self.wanted if entry is wish}
        self._rests(event)

    def _workflow_execution_signaled(self, event: HistoryEvent, told: Any) -> None:
        [news, *_] = payloads_of(told.input)
        if known := self._heard.get(str(news.get("id"))):
            self._again_told(event, known)  # put off, or for another run
            self._knocked = (event, known.name or "") if self._rest else self._knocked
            return
        self._wakes(event, told.signal_name)
        if told.signal_name != "renew":
            self._comes(event, What.NEWS, told.signal_name, news).times = 1

    def _comes(self, event: HistoryEvent, what: What, name: str, told: Mapping[str, Any]) -> Entry:
        """A wish that its run took with it into its end comes to the next one: the same wish."""
        event_id = str(told.get("id"))
        if entry := self._heard.get(event_id):
            self._again_told(event, entry)
        else:
            entry = self._entry(event, what, name)
        if "id" in told:
            self._heard[event_id] = entry
        self.wanted.append((entry, event_id))
        self._unheard.add(event_id)
        return entry

    def _again_told(self, event: HistoryEvent, known: Entry) -> None:
        known.times, known.last_at = (known.times or 1) + 1, happened_at(event)
        if known.run_id == self._run.run_id:
            known.last_event = event.event_id

    # Steps

    def _activity_task_scheduled(self, event: HistoryEvent, told: Any) -> None:
        if self._knocked:
            self._wakes(*self._knocked)
        self._rest = None
        name = told.activity_type.name
        self._steps[event.event_id] = entry = self._entry(event, What.STEP, name)
        entry.title = STEP_TEXTS.get(name)
        now, *events = payloads_of(told.input)
        self.keys.add(f"{name}@{now.get('version')}")
        for asked in events:
            self.keys.add(str(asked.get("id")))
            self.steps_of[str(asked.get("id"))] = name
            self._unheard.discard(str(asked.get("id")))
            entry.by = UUID(asked["by"]) if "by" in asked else None
            self._says(entry, asked)
        if name.endswith(".load"):
            self._quiet.add(id(entry))
        if self._run.open and (pending := self._run.pending.get(told.activity_id)):
            waited(entry, pending.attempt, pending.failure, pending.noted)

    def _activity_task_started(self, _: HistoryEvent, told: Any) -> None:
        if step := self._steps.get(told.scheduled_event_id):
            last = failure_code(told.last_failure) if told.HasField("last_failure") else None
            waited(step, told.attempt, last, noted_in(told.last_failure))
            if told.attempt > 1:
                self._quiet.discard(id(step))

    def _activity_task_completed(self, event: HistoryEvent, told: Any) -> None:
        [self._row] = payloads_of(told.result)[:1]
        if step := self._steps.get(told.scheduled_event_id):
            self._says(step, self._row)
        self._step_ends(event, told, self._row.get("state"))

    def _activity_task_failed(self, event: HistoryEvent, told: Any) -> None:
        self._step_ends(event, told, failure_code(told.failure))

    _activity_task_timed_out = _activity_task_failed

    def _step_ends(self, event: HistoryEvent, told: Any, outcome: str | None) -> None:
        if step := self._steps.pop(told.scheduled_event_id, None):
            self._ends(step, event, outcome)
        self._rests(event)

    # Rest

    def _rests(self, event: HistoryEvent) -> None:
        if not self._steps and not self._unheard and not self._rest:
            self._rest, self._until, self._held = (happened_at(event), event.event_id), None, False

    def _timer_started(self, event: HistoryEvent, told: Any) -> None:
        """It rests for sure: what it has not heard by now was put off."""
        self._unheard.clear()
        self._knocked = None
        self._rests(event)
        lasts, wake_at = told.start_to_fire_timeout.ToTimedelta(), self._row.get("wake_at")
        self._until = fires = happened_at(event) + lasts
        self._held = lasts == HELD and not (wake_at and abs(datetime.fromisoformat(wake_at) - fires) < timedelta(seconds=1))

    def _timer_fired(self, event: HistoryEvent, _: Any) -> None:
        self._wakes(event, "alarm")

    def _wakes(self, event: HistoryEvent, by: str) -> None:
        if self._rest and not self._steps:
            self._ends(self._waits(event), event, by)
        self._rest = self._knocked = None

    def _waits(self, event: HistoryEvent) -> Entry:
        state, rest = self._row.get("state"), self._rest or (happened_at(event), event.event_id)
        entry = self._entry(event, What.WAIT, state)
        entry.at, entry.first_event = rest
        entry.title = self._title(state)
        self._says(entry, self._row)
        if self._held:
            entry.waited_for = "another_hand"
            return entry
        entry.waited_for = whose_turn(self._run.process, self._row)
        entry.until = datetime.fromisoformat(self._row["due_at"]) if self._row.get("due_at") else self._until
        return entry

    def _stands(self) -> None:
        """What an open run does now: it waits, or tries."""
        if self._rest and not self._steps:
            self._waits(self._run.events[-1])
        for entry in self._told[::-1]:
            if entry.what is What.FAILED and self._run.failing > 1:
                entry.attempts = self._run.failing
                return

    # Workflow tasks

    def _workflow_task_failed(self, event: HistoryEvent, told: Any) -> None:
        if told.cause not in HARMLESS:
            entry = self._entry(event, What.FAILED)
            entry.outcome = WorkflowTaskFailedCause.Name(told.cause).removeprefix("WORKFLOW_TASK_FAILED_CAUSE_").lower()
            entry.waited_for = failure_code(told.failure)

    def _workflow_task_timed_out(self, event: HistoryEvent, told: Any) -> None:
        """A worker died with it. That a task was offered to a worker in vain first is no news."""
        if told.timeout_type == TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE:
            self._entry(event, What.FAILED).outcome = "timed_out"
