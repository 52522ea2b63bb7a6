"""A run as recorded, and what each of its events says: when, what it is of, what it carried as plain values, how something failed."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast
from uuid import UUID

from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.enums.v1 import WorkflowTaskFailedCause
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent

from models.history import AT_WORK, NOT_TOLD, TIMED_OUT, TRIED, Entry

_NAMED_BY: Final = ("activity_type", "workflow_type")
_NAMES: Final = ("signal_name", "timer_id")
_CARRIED_ON: Final = "workflow_task_completed_event_attributes"
_BEGUN_BY: Final = ("scheduled_event_id", "accepted_event_id")
"""Fields that name what an event is of, or the event of the same run that does."""


@dataclass(frozen=True, slots=True)
class Pending:
    """A step that is being tried: its history shows no attempt before one has ended it. `noted`: how often each cause had failed it."""

    attempt: int
    failure: str | None
    noted: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A run and its events, in order. `pending` by activity id, `failing` how often its workflow task was tried: of an open run alone."""

    process: str
    process_id: UUID
    run_id: str
    events: Sequence[HistoryEvent]
    open: bool = False
    pending: Mapping[str, Pending] = field(default_factory=dict[str, Pending])
    failing: int = 0


BY_FORCE: Final = {f"workflow_execution_{word}": word for word in ("terminated", "canceled", "timed_out")}
"""Ends of a run that its process did not choose."""
HARMLESS: Final = frozenset(
    {
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND,
        WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_FORCE_CLOSE_COMMAND,
    }
)
"""Something came in the moment in which the run was moving on: it looks again."""
HELD: Final = timedelta(seconds=0.5)
"""How long the kernel rests before it looks again at a row that another hand holds (`Process._look_again`)."""
_REPLACED: Final = "TerminateIfRunning"
"""So begins the engine's own reason for ending a run because another is begun in its place (`Runs.begin_again`)."""


def builds_gone(runs: Sequence[Recorded]) -> set[str]:
    """Runs, oldest first, that were ended because another was begun in their place on another build.

    The sweep does that only where none of their own build's workers is left: what is only older is renewed.
    """
    gone: set[str] = set()
    before: dict[UUID, Recorded] = {}
    for run in runs:
        old = before.get(run.process_id)
        if old and _replaced(old) and None is not _build(old) != _build(run) is not None:
            gone.add(old.run_id)
        before[run.process_id] = run
    return gone


def _replaced(run: Recorded) -> bool:
    told = run.events[-1].workflow_execution_terminated_event_attributes if run.events else None
    return told is not None and told.reason.startswith(_REPLACED)


def _build(run: Recorded) -> str | None:
    """Of the worker that last carried it on."""
    done = [event.workflow_task_completed_event_attributes for event in run.events if event.HasField(_CARRIED_ON)]
    return (done[-1].deployment_version.build_id or None) if done else None


def happened_at(event: HistoryEvent) -> datetime:
    """By the engine's clock."""
    return event.event_time.ToDatetime(tzinfo=UTC)


def named(events: Iterable[HistoryEvent]) -> Iterator[tuple[HistoryEvent, str | None]]:
    """Each event of one run, and the activity, update, signal, timer or workflow that it is of."""
    names: dict[int, str] = {}
    for event in events:
        name = _name(_told(event), names)
        if name is not None:
            names[event.event_id] = name
        yield event, name


def attempt_of(event: HistoryEvent) -> int | None:
    return getattr(_told(event), "attempt", None) or None


def failure_code(failure: Failure) -> str | None:
    """Its type alone: a message may hold anything."""
    while failure.HasField("activity_failure_info") and failure.HasField("cause"):
        failure = failure.cause
    if failure.HasField("timeout_failure_info"):
        return TIMED_OUT
    return failure.application_failure_info.type or None


def noted_in(failure: Failure) -> dict[str, int]:
    """How often each cause had failed the step by then, as the worker notes it beside each failure; none by one that noted nothing."""
    if failure.HasField("timeout_failure_info"):
        return noted_by(failure.timeout_failure_info.last_heartbeat_details)
    return noted_by(failure.application_failure_info.details)


def noted_by(details: Payloads) -> dict[str, int]:
    """The same of a heartbeat, which outlives the attempt."""
    told = [cast(dict[str, Any], one[TRIED]) for one in payloads_of(details) if isinstance(one.get(TRIED), dict)]
    return {cause: times for one in told[:1] for cause, times in one.items() if isinstance(times, int)}


def causes_of(attempts: int, last: str | None, noted: Mapping[str, int]) -> dict[str, int | None]:
    """Why a step was tried again, and how often for each cause; None where only the last failure is known.

    That the hand before was still at work is no cause: it is told only where nothing else is known.
    """
    if not noted:
        return {last: 1 if attempts == 2 else None} if last else {}
    found: dict[str, int | None] = dict(noted)
    if (lost := attempts - 1 - sum(noted.values())) > 0:
        ended_by = TIMED_OUT if last == TIMED_OUT else NOT_TOLD
        found[ended_by] = noted.get(ended_by, 0) + lost
    return {cause: times for cause, times in found.items() if cause != AT_WORK} or found


def waited(step: Entry, attempts: int, last: str | None, noted: Mapping[str, int]) -> None:
    """How often it was tried, why, and the last cause that was none of our own hands."""
    step.attempts, step.causes = attempts, causes_of(attempts, last, noted)
    step.waited_for = last if last in step.causes else max(step.causes, key=lambda cause: step.causes[cause] or 0, default=None)


def payloads_of(payloads: Payloads) -> list[dict[str, Any]]:
    """As the objects that they are, at least one; what is none (an id, or nothing) is an empty one."""
    told = [_plain(one) for one in payloads.payloads]
    return [cast(dict[str, Any], one) if isinstance(one, dict) else {} for one in told] or [{}]


def _plain(payload: Payload) -> object:
    """What somebody sent by hand may be anything."""
    try:
        return json.loads(payload.data)
    except ValueError:
        return None


def _told(event: HistoryEvent) -> Any:
    return getattr(event, event.WhichOneof("attributes") or "", None)


def _name(told: Any, names: dict[int, str]) -> str | None:
    """By its own word, or by that of the event that began it."""
    if hasattr(told, "accepted_request"):
        return str(told.accepted_request.input.name)
    for typed in _NAMED_BY:
        if kind := getattr(told, typed, None):
            return str(kind.name)
    for spoken in _NAMES:
        if word := getattr(told, spoken, None):
            return str(word)
    return next((names[begun] for at in _BEGUN_BY if (begun := getattr(told, at, 0)) in names), None)
