"""The process kernel: a run walks from its row, serves one event a phase, and every step is one activity.

The state in the row is the program counter, so beginning again is not a second way of running: it is the only one.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, NoReturn, TypeVar
from uuid import UUID

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from typing_extensions import TypeVarTuple, Unpack

with workflow.unsafe.imports_passed_through():
    from models.process import Alarm, AnyRow, Command, Event, News

C = TypeVar("C", bound=Command)
E = TypeVar("E", bound=News)
R = TypeVar("R", bound=AnyRow)
Ts = TypeVarTuple("Ts")

WAITING_MAX = 5
"""Commands of people at one desk."""
STEP = timedelta(seconds=8)
"""One attempt of a step."""
PATIENT = RetryPolicy(initial_interval=timedelta(milliseconds=200), maximum_interval=timedelta(seconds=10))


class Process(Generic[R]):
    """A durable process. Subclasses name their phases, their commands and their news; nothing else."""

    PATHWAY: ClassVar[Mapping[str, Callable[[Any, Any], Awaitable[None]]]]
    """Each state's phase; a state without one is an end."""
    now: R
    """The row as the last step left it."""

    def __init__(self) -> None:
        self.desk: Desk[R] = Desk()
        self._begun = self._renewing = False

    @workflow.signal
    def renew(self) -> None:
        """A new build is current: go on there, from the row, as soon as nobody waits for an answer."""
        self._renewing = True

    async def walk(self, load: Callable[[Any, UUID], Awaitable[R]], id: UUID, begun: R | None) -> R:
        """From the row's state to an end, phase by phase. Refusals answer who asked and never leave the run.

        `begun` is the row as it was inserted; without it the row is loaded. That it has moved since is found by the first step.
        """
        self._load, self._id = load, id
        if begun is None:
            await self._look()
        else:
            self._stand(begun)
        while phase := self.PATHWAY.get(self.now.state):
            try:
                await phase(self, self.now)
                self.desk.answer(self.now)
            except Again:
                pass
            except ApplicationError as refused:  # never leaves us: it would end the process for good
                self.desk.refuse(refused)
            if self._leaving and not self.desk.waiting:
                await workflow.wait_condition(workflow.all_handlers_finished)
                workflow.continue_as_new(args=[id, None], initial_versioning_behavior=workflow.ContinueAsNewVersioningBehavior.AUTO_UPGRADE)
        self.desk.close(refusal(f"process.{self.now.state}"))
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.now

    async def next(self, *, until: datetime | None = None) -> Event | Alarm:
        """What happens next: asked once in a phase. Who came before the deadline is heard before the alarm."""
        if not self.desk.came_before(until):
            left = None if until is None else max((until - workflow.now()).total_seconds(), 0)
            try:
                await workflow.wait_condition(lambda: self.desk.waiting > 0 or self._leaving, timeout=left)
            except TimeoutError:
                return Alarm()
            if not self.desk.waiting:
                raise Again
        turn = self.desk.take()
        if (
            isinstance(turn.event, Event) and turn.event.seen > self.now.version and not turn.again
        ):  # its sender had read a newer row than ours
            await self._look_again()
        self._allow(turn.event)
        return turn.event

    async def step(self, activity: Callable[[Any, R, Unpack[Ts]], Awaitable[R]], *args: *Ts) -> None:
        """Moves the row: one transaction, or one call outside between two. Repeated under the same key until its outcome is known."""
        try:
            self.now = await workflow.execute_activity_method(  # pyright: ignore[reportUnknownMemberType]
                activity, args=[self.now, *args], start_to_close_timeout=STEP, retry_policy=PATIENT
            )
        except ActivityError as error:
            match error.cause:
                case ApplicationError(type="row.moved"):  # by another hand: nothing was done
                    await self._look_again()
                case ApplicationError() as refused:
                    raise refused from None
                case _:
                    raise

    def admit(self, command: Command) -> None:
        """Refused here, nothing enters the history. A command made from a newer row than ours waits for us to catch up."""
        if self.desk.people >= WAITING_MAX:
            raise refusal("process.busy")
        if self._begun and command.seen <= self.now.version:
            self._allow(command)

    def _allow(self, event: Event | Alarm) -> None:
        if isinstance(event, Command) and self.now.state not in event.allowed_in:
            raise not_now()

    @property
    def _leaving(self) -> bool:
        return self._renewing or workflow.info().is_continue_as_new_suggested()  # long before 2,000 updates

    async def _look(self) -> None:
        self._stand(
            await workflow.execute_activity_method(  # pyright: ignore[reportUnknownMemberType]
                self._load, self._id, start_to_close_timeout=STEP, retry_policy=PATIENT
            )
        )

    def _stand(self, row: R) -> None:
        self.now, self._begun = row, True
        if self.now.under_way:  # begun by a run that was lost, or by a hand still at work: finished first, under its key
            self.desk.bring(self.now.under_way, first=True)

    async def _look_again(self) -> NoReturn:
        """Take the row as it stands, and serve there who was being served."""
        before = self.now.version
        self.desk.put_back()
        await self._look()
        if self.now.version == before:  # held, not moved: never in a hurry
            await workflow.sleep(0.5)
        raise Again from None


class Again(Exception):  # noqa: N818  (no error)
    """Nothing was done: go by the row once more."""


class Turn(Generic[R]):
    """One event at the desk, and who waits for its answer."""

    def __init__(self, event: Event | Alarm, answer: asyncio.Future[R] | None = None) -> None:
        self.event, self.answer, self.came_at, self.again = event, answer, workflow.now(), False
        self.key = event.id if isinstance(event, Event) else None


class Desk(Generic[R]):
    """All that happens to a process comes here, and is served one at a time in the order in which it came."""

    def __init__(self) -> None:
        self._waiting: deque[Turn[R]] = deque()
        self._serving: Turn[R] | None = None
        self._closed: ApplicationError | None = None

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def people(self) -> int:
        return sum(turn.answer is not None for turn in self._waiting)

    def came_before(self, until: datetime | None) -> bool:
        return bool(self._waiting) and (until is None or self._waiting[0].again or self._waiting[0].came_at < until)

    async def ask(self, command: Command) -> R:
        if self._closed:
            raise self._closed
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append(Turn(command, answer))
        return await answer

    def bring(self, event: Event | Alarm, *, first: bool = False) -> None:
        """Knocked twice, or asked again by who waits already: it is the same turn."""
        brought = Turn[R](event)
        turn = next((waiting for waiting in self._waiting if waiting.key == brought.key), brought)
        if first:
            if turn is not brought:
                self._waiting.remove(turn)
            turn.again = True
            self._waiting.appendleft(turn)
        elif turn is brought:
            self._waiting.append(turn)

    def take(self) -> Turn[R]:
        if self._serving:
            raise RuntimeError("a phase serves one event")
        self._serving = self._waiting.popleft()
        return self._serving

    def put_back(self) -> None:
        if turn := self._leave():
            turn.again = True
            self._waiting.appendleft(turn)

    def answer(self, row: R) -> None:
        if (turn := self._leave()) and turn.answer:
            turn.answer.set_result(row)

    def refuse(self, error: ApplicationError) -> None:
        """Who asked is told, and news may be put off.

        A step that nobody asked for and was refused is a bug, which must stand still and be seen.
        """
        turn = self._leave()
        if turn and turn.answer:
            turn.answer.set_exception(error)
        elif not (turn and (error.type == not_now().type or isinstance(turn.event, Command))):
            raise RuntimeError("a step that nobody asked for was refused") from error

    def close(self, error: ApplicationError) -> None:
        self._closed = error
        for turn in self._waiting:
            if turn.answer:
                turn.answer.set_exception(error)
        self._waiting.clear()

    def _leave(self) -> Turn[R] | None:
        turn, self._serving = self._serving, None
        return turn


def command(kind: type[C], answer: type[R]) -> workflow.UpdateMethodMultiParam[[Any, C], R]:
    """An Update named after what it brings: refused at the door by the state table, answered when its turn is over."""

    async def handler(self: Process[R], command: C) -> R:
        return await self.desk.ask(command)

    def admit(self: Process[R], command: C) -> None:
        self.admit(command)

    handler.__annotations__ = {"command": kind, "return": answer}  # the data converter reads them
    admit.__annotations__ = {"command": kind, "return": None}
    update = workflow.update(name=kind.model_fields["kind"].default)(handler)
    update.validator(admit)
    return update  # type: ignore[return-value]


def news(kind: type[E]) -> Callable[[Any, E], None]:
    """A Signal named after what it brings. It is only a knock: the inbox row behind it is handled by the step that acts on it."""

    def handler(self: Process[Any], event: E) -> None:
        self.desk.bring(event)

    handler.__annotations__ = {"event": kind, "return": None}
    return workflow.signal(name=kind.model_fields["kind"].default)(handler)


def refusal(code: str, kind: str = "conflict") -> ApplicationError:
    """As the API reads it back into a problem."""
    return ApplicationError(code, {"kind": kind}, type=code, non_retryable=True)


def not_now() -> ApplicationError:
    """Out of turn: the API answers it with the actions that are allowed."""
    return refusal(f"{workflow.info().workflow_type}.not_now")
