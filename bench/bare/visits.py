"""Workflows that do nothing, in the shape of a real visit's: as many processes, each with as many updates, signals, activities and timers.

Nothing of the house is in it: the SDK as it comes, empty payloads, no rows, nobody outside.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from temporalio import activity, workflow
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

QUEUE: Final = "bare"
BEGIN, UPDATE, SIGNAL = "begin", "update", "signal"
_COMES: Final = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED: BEGIN,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED: UPDATE,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED: SIGNAL,
}


@dataclass
class Turn:
    """What comes to a process, the activities until it is answered and after that, and whether a timer runs while the next is awaited."""

    comes: str
    before: int = 0
    after: int = 0
    timer: bool = False


@dataclass(frozen=True)
class Shape:
    """The turns of each process, and in which order the processes are begun, asked and told."""

    turns: Sequence[Sequence[Turn]]
    course: Sequence[tuple[int, str]]

    def __str__(self) -> str:
        counts = (
            f"{sum(one.comes == UPDATE for one in turns)} updates, {sum(one.comes == SIGNAL for one in turns)} signals, "
            f"{sum(one.before + one.after for one in turns)} activities, {sum(one.timer for one in turns)} timers"
            for turns in self.turns
        )
        return f"{len(self.turns)} processes: {'; '.join(counts)}"


@dataclass
class _Reading:
    """One process's turns as its history is read."""

    turns: list[Turn] = field(default_factory=list[Turn])
    answered: bool = True
    just_scheduled: int = 0
    """By the workflow task that is being read: what it begins beside an answer comes after that."""

    def read(self, event: HistoryEvent) -> None:
        match event.event_type:
            case kind if kind in _COMES:
                self.answered = _COMES[kind] != UPDATE
                self.turns.append(Turn(_COMES[kind]))
            case EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                self.just_scheduled = 0
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED:
                self.answered = True
                self.turns[-1].before -= self.just_scheduled
                self.turns[-1].after += self.just_scheduled
            case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED if self.answered and self.turns[-1].comes == UPDATE:
                self.turns[-1].after += 1
            case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                self.turns[-1].before += 1
                self.just_scheduled += 1
            case EventType.EVENT_TYPE_TIMER_STARTED:
                self.turns[-1].timer = True
            case EventType.EVENT_TYPE_TIMER_FIRED | EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
                raise ValueError("of a visit that nothing came late to")
            case _:
                pass


def shape_of(histories: Mapping[str, Sequence[HistoryEvent]]) -> Shape:
    """Of the histories of one real visit. Raises ValueError for one whose alarms went off."""
    read = [_Reading() for _ in histories]
    course: list[tuple[int, int, str]] = []
    for number, history in enumerate(histories.values()):
        for event in history:
            read[number].read(event)
            if event.event_type in _COMES:
                course.append((event.event_time.ToNanoseconds(), number, _COMES[event.event_type]))
    return Shape([one.turns for one in read], [(number, comes) for _, number, comes in sorted(course)])


class Hands:
    """The activity, which does nothing, and how often it did for each run: people go on when they see that something was done."""

    def __init__(self) -> None:
        self._done: Counter[str] = Counter()
        self._watched: dict[str, asyncio.Event] = {}

    @activity.defn
    async def nothing(self) -> None:
        run = str(activity.info().workflow_id)
        self._done[run] += 1
        if watched := self._watched.get(run):
            watched.set()

    async def have_done(self, run: str, times: int) -> None:
        while self._done[run] < times:
            self._watched[run] = asyncio.Event()
            await self._watched[run].wait()


@workflow.defn(name="bare")
class Bare:
    """Serves its turns in their order, one at a time."""

    def __init__(self) -> None:
        self._came = self._answered = 0

    @workflow.run
    async def run(self, turns: list[Turn]) -> None:
        for number, turn in enumerate(turns):
            if number:
                await workflow.wait_condition(self._has_come(number), timeout=timedelta(hours=1) if turns[number - 1].timer else None)
            await self._work(turn.before)
            self._answered = number
            await self._work(turn.after)
        await workflow.wait_condition(workflow.all_handlers_finished)

    @workflow.update
    async def ask(self) -> None:
        self._came += 1
        mine = self._came
        await workflow.wait_condition(lambda: self._answered >= mine)

    @workflow.signal
    def tell(self) -> None:
        self._came += 1

    def _has_come(self, number: int) -> Callable[[], bool]:
        return lambda: self._came >= number

    async def _work(self, times: int) -> None:
        for _ in range(times):
            await workflow.execute_activity("nothing", start_to_close_timeout=timedelta(seconds=8))  # pyright: ignore[reportUnknownMemberType]


@asynccontextmanager
async def working(client: Client) -> AsyncGenerator[Hands]:
    """With the one worker."""
    hands = Hands()
    async with Worker(client, task_queue=QUEUE, workflows=[Bare], activities=[hands.nothing]):
        yield hands


async def visit(client: Client, hands: Hands, shape: Shape) -> str:
    """Begins, asks and tells its processes as people and processes of a real one do, each when all before it is done; its name."""
    name = secrets.token_hex(8)
    runs: dict[int, WorkflowHandle[Any, Any]] = {}
    turns, due = [iter(one) for one in shape.turns], Counter[str]()
    for number, comes in shape.course:
        run, turn = f"bare/{name}/{number}", next(turns[number])
        for other, times in due.items():
            await hands.have_done(other, times)
        if comes == BEGIN:
            runs[number] = await client.start_workflow(  # pyright: ignore[reportUnknownMemberType]
                Bare.run, list(shape.turns[number]), id=run, task_queue=QUEUE
            )
        elif comes == UPDATE:
            await runs[number].execute_update(Bare.ask)  # pyright: ignore[reportUnknownMemberType]
        else:
            await runs[number].signal(Bare.tell)
        due[run] += turn.before + turn.after
    await asyncio.gather(*(run.result() for run in runs.values()))
    return name


async def histories(client: Client, shape: Shape, name: str) -> dict[str, list[HistoryEvent]]:
    """Of one that was walked, by run."""
    runs = [f"bare/{name}/{number}" for number in range(len(shape.turns))]
    return {run: [event async for event in client.get_workflow_handle(run).fetch_history_events()] for run in runs}
