"""The numbers of a process as Prometheus reads them, made of its own log lines: what is worth counting is worth a line.

`counted` is a step of the logging itself (`worker/logs.py`), so a number and the line it came from never tell two stories. Each label takes
few values, all of them words of ours: a route's template, never a path; an outcome, never an id. Seconds everywhere.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Histogram, Metric, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from structlog.typing import EventDict

from models.stores import metric
from models.stores.database import Database

disable_created_metrics()

_OURS = re.compile(r"[a-z_]+\.[a-z_]+")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OF_A_CALL = frozenset({"outcome", "ms", "status", "requests"})
"""Fields of a wire's one line a call (`gateways/wire.py`), and together of no other line: its events are as many as calls."""
_LEVELS = {"exception": "error", "warn": "warning", "fatal": "critical"}
_FAST = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16)
"""As our own limits lie: a call outside ends after 4 s, an attempt and a caller's patience after 8 s."""

LINES = Counter("fuzhen_log_lines", "Log lines; level error is an alarm of docs/operations.md.", ["event", "level"])
REQUESTS = Histogram("fuzhen_request_seconds", "Until the answer began.", ["route", "method", "status"], buckets=_FAST)
ANSWERS = Counter("fuzhen_answers", "Answers by their exact status; 202: kept and carried on, 503: ask again.", ["status"])
UPDATES = Histogram("fuzhen_update_seconds", "Commands asked of a run.", ["process", "command", "outcome"], buckets=_FAST)
OUTSIDE = Histogram("fuzhen_outside_seconds", "Calls to HIS, WeChat Pay and SMS.", ["party", "call", "outcome"], buckets=_FAST)
ACTIVITIES = Histogram("fuzhen_activity_seconds", "Attempts of activities.", ["activity", "outcome"], buckets=_FAST)
KNOCKS = Counter("fuzhen_inbox_knocks", "Inbox rows that the relay took up, because no short cut had settled them.", ["process", "kind"])
CLOSED = Counter("fuzhen_inbox_closed", "Inbox rows that the relay closed.", ["process", "outcome"])
BEGUN_AGAIN = Counter("fuzhen_runs_begun_again", "Runs that the sweep began again.", ["process", "by_force"])


def counted(_logger: Any, method: str, line: EventDict) -> EventDict:
    """A processor of structlog: leaves the line as it is."""
    event = str(line.get("event"))
    ours = event in _BY_EVENT or _OURS.fullmatch(event) is not None
    LINES.labels(event if ours else "other", _LEVELS.get(method, method)).inc()
    if count := _BY_EVENT.get(event):
        count(line)
    elif ours and line.keys() >= _OF_A_CALL:
        party, _, call = event.partition(".")
        OUTSIDE.labels(party, call, line["outcome"]).observe(_seconds(line))
    return line


def counted_of_a_library(_logger: Any, method: str, line: EventDict) -> EventDict:
    """The same for lines that are not ours: their event is free text, and no label."""
    LINES.labels("library", _LEVELS.get(method, method)).inc()
    return line


@dataclass(frozen=True, slots=True)
class Told:
    """Numbers of this moment, asked for when the page is."""

    numbers: Iterable[Metric]

    def collect(self) -> Iterable[Metric]:
        return self.numbers


def gauge(name: str, about: str, labels: tuple[str, ...], numbers: Mapping[tuple[str, ...], float]) -> Metric:
    """By the values of its labels."""
    family = GaugeMetricFamily(name, about, labels=labels)
    for values, number in numbers.items():
        family.add_metric(values, number)
    return family


def connections(database: Database) -> Metric:
    """Of this process's pool."""
    use = {(name,): number for name, number in metric.connections(database).items()}
    return gauge("fuzhen_database_connections", "Of this process's pool: in use, and the most there may be.", ("use",), use)


def page(*beside: Collector) -> tuple[bytes, dict[str, str]]:
    """What the lines have counted, and what stands beside; body and headers."""
    body = b"".join(generate_latest(one) for one in (REGISTRY, *beside))
    return body, {"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"}


def _request(line: Mapping[str, Any]) -> None:
    status = line["status"]
    method = line["method"] if line["method"] in _METHODS else "other"
    REQUESTS.labels(line["route"] or "none", method, f"{status // 100}xx" if status else "none").observe(_seconds(line))
    ANSWERS.labels(status or "none").inc()


def _update(line: Mapping[str, Any]) -> None:
    UPDATES.labels(line["process"], line["kind"], line["outcome"]).observe(_seconds(line))


def _activity(line: Mapping[str, Any]) -> None:
    ACTIVITIES.labels(line["activity"], line["outcome"]).observe(_seconds(line))


def _knock(line: Mapping[str, Any]) -> None:
    KNOCKS.labels(line["process"], line["kind"]).inc()


def _closed(line: Mapping[str, Any]) -> None:
    CLOSED.labels(line["process"], str(line["outcome"]).partition(":")[0]).inc()


def _begun_again(line: Mapping[str, Any]) -> None:
    BEGUN_AGAIN.labels(line["process"], str(line["by_force"]).lower()).inc()


def _seconds(line: Mapping[str, Any]) -> float:
    return line["ms"] / 1000


_BY_EVENT: Final[dict[str, Callable[[Mapping[str, Any]], None]]] = {
    "request.answered": _request,
    "run.asked": _update,
    "activity.ended": _activity,
    "inbox.knocked": _knock,
    "inbox.closed": _closed,
    "run.begun_again": _begun_again,
}
"""Lines that are more than counted."""
