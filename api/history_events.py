"""A run as recorded, and what each of its events says: when, what it is of, what it carried as plain values, how something failed."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, cast
from uuid import UUID

from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent

from models.history import AT_WORK, NOT_TOLD, TIMED_OUT, TRIED

_NAMED_BY: Final = ("activity_type", "workflow_type")
_NAMES: Final = ("signal_name", "timer_id")
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
