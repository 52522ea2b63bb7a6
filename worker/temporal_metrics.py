"""The Temporal SDK's own numbers on our page: it keeps them in a buffer, which is emptied here and added up. No port of its own."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from prometheus_client import Metric
from temporalio.runtime import (
    BUFFERED_METRIC_KIND_COUNTER,
    BUFFERED_METRIC_KIND_HISTOGRAM,
    BufferedMetric,
    MetricBuffer,
    MetricBufferDurationFormat,
    Runtime,
    TelemetryConfig,
)

DRAIN_S: Final = 1.0
_BUFFER = 50_000
"""Updates between two drains, many times what a busy second makes; what does not fit is dropped by the SDK, with a line."""
_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0)
Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Histogram:
    counts: list[int] = field(default_factory=lambda: [0] * (len(_BUCKETS) + 1))
    total: float = 0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(_BUCKETS, value)] += 1
        self.total += value


@dataclass(slots=True)
class _Told:
    metric: BufferedMetric
    numbers: dict[Labels, float] = field(default_factory=dict[Labels, float])
    histograms: dict[Labels, _Histogram] = field(default_factory=dict[Labels, _Histogram])


class TemporalMetrics:
    """One for a process; its `runtime` is the one that the client connects by."""

    def __init__(self) -> None:
        self._buffer = MetricBuffer(_BUFFER, MetricBufferDurationFormat.SECONDS)
        self._told: dict[str, _Told] = {}
        self.runtime = Runtime(telemetry=TelemetryConfig(metrics=self._buffer, attach_service_name=False))

    def drain(self) -> None:
        """Adds up what has come since; called every `DRAIN_S` seconds and before the numbers are read."""
        for update in self._buffer.retrieve_updates():
            metric = update.metric
            told = self._told.setdefault(metric.name, _Told(metric))
            labels = _labels(update.attributes)
            if metric.kind == BUFFERED_METRIC_KIND_HISTOGRAM:
                told.histograms.setdefault(labels, _Histogram()).observe(update.value)
            elif metric.kind == BUFFERED_METRIC_KIND_COUNTER:
                told.numbers[labels] = told.numbers.get(labels, 0) + update.value
            else:
                told.numbers[labels] = update.value

    def collect(self) -> Iterator[Metric]:
        """For the page."""
        self.drain()
        for name, told in self._told.items():
            if told.metric.kind == BUFFERED_METRIC_KIND_HISTOGRAM:
                yield _distribution(f"{name}_seconds" if told.metric.unit == "s" else name, told)
            elif told.metric.kind == BUFFERED_METRIC_KIND_COUNTER:
                yield _numbers(Metric(name, told.metric.description or name, "counter"), f"{name}_total", told)
            else:
                yield _numbers(Metric(name, told.metric.description or name, "gauge"), name, told)


def _numbers(metric: Metric, sample: str, told: _Told) -> Metric:
    for labels, value in told.numbers.items():
        metric.add_sample(sample, dict(labels), value)
    return metric


def _distribution(name: str, told: _Told) -> Metric:
    metric = Metric(name, told.metric.description or name, "histogram")
    for labels, seen in told.histograms.items():
        below = 0
        for bound, count in zip((*map(str, _BUCKETS), "+Inf"), seen.counts, strict=True):
            below += count
            metric.add_sample(f"{name}_bucket", {**dict(labels), "le": bound}, below)
        metric.add_sample(f"{name}_count", dict(labels), below)
        metric.add_sample(f"{name}_sum", dict(labels), seen.total)
    return metric


def _labels(attributes: Mapping[str, str | int | float | bool]) -> Labels:
    return tuple(sorted((name, str(value)) for name, value in attributes.items()))
