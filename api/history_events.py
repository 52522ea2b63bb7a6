"""What an event of the engine says of itself: when, what it is of, what it carried as plain values, and how something failed."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final, cast

from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent

_NAMED_BY: Final = ("activity_type", "workflow_type")
_NAMES: Final = ("signal_name", "timer_id")
_BEGUN_BY: Final = ("scheduled_event_id", "accepted_event_id")
"""Fields that name what an event is of, or the event of the same run that does."""


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
        return "timed_out"
    return failure.application_failure_info.type or None


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
    for field in _NAMED_BY:
        if kind := getattr(told, field, None):
            return str(kind.name)
    for field in _NAMES:
        if word := getattr(told, field, None):
            return str(word)
    return next((names[begun] for field in _BEGUN_BY if (begun := getattr(told, field, 0)) in names), None)
