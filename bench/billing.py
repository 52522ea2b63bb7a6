"""What a whole visit costs at Temporal: billable actions, history events and bytes, in all and for each step, from its histories."""

import re
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus

from bench.prescription import delivered, signed
from bench.result import Result
from stack.supervisor import Stack
from tests.journeys.hospital import Hospital
from tests.journeys.people import until
from tests.journeys.visit import STRAIGHT, Visit

FIGURES: Final = Path(__file__).with_name("billing.md")
VISITS: Final = 2
"""On a busy machine the relay may knock where the short cut was about to: what a visit needs is the least."""
_ONE_ACTION: Final = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
        EventType.EVENT_TYPE_TIMER_STARTED,
        EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
        EventType.EVENT_TYPE_MARKER_RECORDED,
        EventType.EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED,
    }
)
_WAKES: Final = frozenset(
    {
        EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
        EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
        EventType.EVENT_TYPE_TIMER_FIRED,
    }
)
Histories = Mapping[str, Sequence[HistoryEvent]]
"""By run id, oldest first."""


@dataclass(frozen=True, slots=True)
class Cost:
    """`actions` by Temporal Cloud's list: start, update, signal, timer, each attempt of an activity, marker and upsert one, a child two.

    What leaves no event (a query, a heartbeat, a refused update) is in no history; a visit walked straight has none.
    """

    actions: int = 0
    events: int = 0
    bytes: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.actions + other.actions, self.events + other.events, self.bytes + other.bytes)

    def within(self, other: "Cost", share: float) -> bool:
        """None of the three is more than the other's by more than that share."""
        pairs = ((self.actions, other.actions), (self.events, other.events), (self.bytes, other.bytes))
        return all(ours <= theirs * (1 + share) for ours, theirs in pairs)


@dataclass(frozen=True, slots=True)
class Step:
    """One activity of a process with what woke it and what it answered."""

    process: str
    woken_by: str
    activity: str
    cost: Cost


def cost(events: Iterable[HistoryEvent]) -> Cost:
    """Bytes are those of the events as they cross the wire."""
    return sum((Cost(_actions(one), 1, one.ByteSize()) for one in events), Cost())


def process(history: Sequence[HistoryEvent]) -> str:
    """Whose run it is."""
    return history[0].workflow_execution_started_event_attributes.workflow_type.name


def steps(history: Sequence[HistoryEvent]) -> list[Step]:
    """Cut where one step is over and something wakes the next; the costs add up to that of the whole history."""
    cut: list[list[HistoryEvent]] = [[]]
    worked = answered = False
    for event in history:
        begins = event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
        if (answered and event.event_type in _WAKES) or (worked and begins):
            cut.append([])
            worked = answered = False
        cut[-1].append(event)
        worked = worked or begins
        answered = answered or (event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED and _is_done(cut[-1]))
    return [Step(process(history), _woken_by(one), _activity(one), cost(one)) for one in cut]


def table(histories: Histories) -> str:
    """Markdown: a line for each step in its order, one for each run, one for the whole."""
    lines = ["| process | woken by | activity | actions | events | bytes |", "|---|---|---|--:|--:|--:|"]
    for history in histories.values():
        lines += [_line(one.process, one.woken_by, one.activity, one.cost) for one in steps(history)]
        lines.append(_line(f"**{process(history)}**", "", "", cost(history)))
    return "\n".join([*lines, _line(_WHOLE, "", "", whole(histories))])


def whole(histories: Histories) -> Cost:
    return sum((cost(one) for one in histories.values()), Cost())


def committed(file: Path = FIGURES) -> Cost:
    """The whole visit's figures as they were last written: what a change is held against."""
    found = re.search(rf"^\| {re.escape(_WHOLE)} \|.*\| (\d+) \| (\d+) \| (\d+) \|$", file.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise ValueError(f"{file} has no line {_WHOLE}")
    actions, events, size = map(int, found.groups())
    return Cost(actions, events, size)


async def histories(client: Client, visit_id: str) -> Histories:
    """All that ran for a visit, once all of it is closed; the list of runs lags behind them by a moment."""

    async def look() -> list[WorkflowExecution]:
        return await _runs(client, visit_id)

    def closed(runs: list[WorkflowExecution]) -> bool:
        return len(runs) > 1 and all(one.status is not WorkflowExecutionStatus.RUNNING for one in runs)

    runs = await until("the visit's runs to be closed", look, closed)
    return {
        run.run_id: [event async for event in client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history_events()]
        for run in sorted(runs, key=lambda one: one.start_time)
    }


async def least(hospital: Hospital, client: Client) -> Histories:
    """Of some whole visits walked one after the other, the histories of the cheapest."""
    walked = [await histories(client, (await unhurried(hospital, client)).id) for _ in range(VISITS)]
    return min(walked, key=lambda one: (whole(one).events, whole(one).bytes))


async def unhurried(hospital: Hospital, client: Client) -> Visit:
    """A whole visit, its prescription and its parcel, of people who act when all is quiet: who is faster shares a workflow task, or spares
    a timer, by chance."""
    visit = await hospital.visit()

    async def quiet() -> None:
        await _quiet(client, visit.id)

    for state in STRAIGHT[1:-2]:
        await quiet()
        if state == "booked":
            order = await visit.order()
            await quiet()
            await hospital.pay(order)
            await visit.until(state)
        else:
            await visit.to(state)
    await quiet()
    prescription = await signed(visit, quiet)
    await visit.signs_record()
    await hospital.doctor.act(f"{visit.path}/end")
    await quiet()
    await delivered(prescription, quiet)
    await quiet()
    await visit.answers_survey()
    return visit


async def _quiet(client: Client, visit_id: str) -> None:
    """No run of the visit has anything to do."""
    await until("its runs to be quiet", lambda: _at_work(client, visit_id), lambda at_work: not at_work)


async def _at_work(client: Client, visit_id: str) -> bool:
    for run in await _runs(client, visit_id):
        told = (await client.get_workflow_handle(run.id).describe()).raw_description
        if told.HasField("pending_workflow_task") or told.pending_activities:
            return True
    return False


async def _runs(client: Client, visit_id: str) -> list[WorkflowExecution]:
    return [one async for one in client.list_workflows(f"Visit = '{visit_id}'")]


@asynccontextmanager
async def opened_hospital() -> AsyncGenerator[Hospital]:
    """The whole stack with the rules of life, in a folder of its own that goes with it."""
    with TemporaryDirectory(prefix="bench-") as folder:
        async with Stack(Path(folder) / "stack") as stack:
            hospital = Hospital(stack, Path(folder) / "stack")
            try:
                await hospital.open()
                yield hospital
            finally:
                await hospital.aclose()


async def measure() -> list[Result]:
    """Writes the table of steps beside this file."""
    async with opened_hospital() as hospital:
        found = await least(hospital, await hospital.temporal())
    FIGURES.write_text(f"{_HEAD}\n{table(found)}\n", encoding="utf-8")
    all_of_it = whole(found)
    return [
        Result.of("billable actions of a whole visit", all_of_it.actions, at_most=90),
        Result.of("history events of a whole visit", all_of_it.events, at_most=340),
        Result.of("history of a whole visit, KB", all_of_it.bytes / 1000, at_most=80),
        Result.of("history events of its longest run", max(len(one) for one in found.values()), at_most=200),
    ]


_WHOLE: Final = "**whole visit**"
_HEAD: Final = """# What a whole visit costs at Temporal

Written by `python -m bench billing` from the histories of a paid visit with a prescription and a parcel, walked through the API from its
opening to its end. A step's line has what woke it, its activity and its answer, with the workflow tasks between. When a whole visit costs
5 % more than the last line says, `make test` fails.
"""


def _actions(event: HistoryEvent) -> int:
    if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
        return event.activity_task_started_event_attributes.attempt
    if event.event_type == EventType.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED:
        return 2
    return int(event.event_type in _ONE_ACTION)


def _is_done(step: Sequence[HistoryEvent]) -> bool:
    ends = {EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED, EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED}
    return any(one.event_type in ends for one in step)


def _activity(step: Sequence[HistoryEvent]) -> str:
    names = (one.activity_task_scheduled_event_attributes.activity_type.name for one in step)
    return ", ".join(name for name in names if name)


def _woken_by(step: Sequence[HistoryEvent]) -> str:
    """Its update, its signals, or the timer; nothing for a step that nobody asked for."""
    woken: list[str] = []
    for one in step:
        match one.event_type:
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
                woken.append("start")
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
                woken.append(one.workflow_execution_update_accepted_event_attributes.accepted_request.input.name)
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
                woken.append(one.workflow_execution_signaled_event_attributes.signal_name)
            case EventType.EVENT_TYPE_TIMER_FIRED:
                woken.append("alarm")
            case _:
                pass
    return ", ".join(woken)


def _line(process: str, woken_by: str, activity: str, of: Cost) -> str:
    return f"| {process} | {woken_by} | {activity} | {of.actions} | {of.events} | {of.bytes} |"
