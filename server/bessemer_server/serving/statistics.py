"""What predictions took, counted as Triton counts it: per request, a batch's time is that of each of its requests. Pure."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence

from bessemer_server.serving import histograms
from bessemer_server.serving.histograms import Histogram

Key = tuple[str, int]
"""Name and version of a model."""


@dataclasses.dataclass(slots=True)
class Duration:
    """How often, and how long together."""

    count: int = 0
    ns: int = 0

    def add(self, ns: int, times: int = 1) -> None:
        """The same duration so many times."""
        self.count += times
        self.ns += ns * times


def _duration() -> Duration:
    return Duration()


@dataclasses.dataclass(slots=True)
class Steps:
    """The three steps of a batch."""

    input: Duration = dataclasses.field(default_factory=_duration)
    infer: Duration = dataclasses.field(default_factory=_duration)
    output: Duration = dataclasses.field(default_factory=_duration)

    def add(self, batch: Batch, times: int = 1) -> None:
        """A batch that so many requests, or it alone, count."""
        self.input.add(batch.input_ns, times)
        self.infer.add(batch.infer_ns, times)
        self.output.add(batch.output_ns, times)


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """One run of the predictor."""

    rows: int
    prepare_ns: Sequence[int]
    """Of each request whose answer is awaited, from its arrival to the queue."""
    queue_ns: Sequence[int]
    """From there to the begin of the batch."""
    input_ns: int
    infer_ns: int
    output_ns: int


@dataclasses.dataclass(slots=True)
class Spread:
    """How the durations of requests, in seconds, and the rows of batches are spread."""

    request: Histogram = dataclasses.field(default_factory=lambda: Histogram(histograms.SECONDS))
    queue: Histogram = dataclasses.field(default_factory=lambda: Histogram(histograms.SECONDS))
    input: Histogram = dataclasses.field(default_factory=lambda: Histogram(histograms.SECONDS))
    infer: Histogram = dataclasses.field(default_factory=lambda: Histogram(histograms.SECONDS))
    output: Histogram = dataclasses.field(default_factory=lambda: Histogram(histograms.SECONDS))
    rows: Histogram = dataclasses.field(default_factory=lambda: Histogram(histograms.ROWS))

    def add(self, batch: Batch) -> None:
        """A batch and its requests."""
        steps_ns = batch.input_ns + batch.infer_ns + batch.output_ns
        for prepare_ns, queue_ns in zip(batch.prepare_ns, batch.queue_ns, strict=True):
            self.queue.add(queue_ns / 1e9)
            self.input.add((prepare_ns + batch.input_ns) / 1e9)
            self.request.add((prepare_ns + queue_ns + steps_ns) / 1e9)
        times = len(batch.queue_ns)
        self.infer.add(batch.infer_ns / 1e9, times)
        self.output.add(batch.output_ns / 1e9, times)
        self.rows.add(batch.rows)


@dataclasses.dataclass(slots=True)
class ModelStatistics:
    """Of one version of a model, since the server started."""

    last_inference_ms: int = 0
    """Since 1970; 0 before the first."""
    inferences: int = 0
    """Rows."""
    executions: int = 0
    """Batches."""
    success: Duration = dataclasses.field(default_factory=_duration)
    """From arrival to answer."""
    fail: Duration = dataclasses.field(default_factory=_duration)
    queue: Duration = dataclasses.field(default_factory=_duration)
    steps: Steps = dataclasses.field(default_factory=Steps)
    """Per request."""
    by_rows: dict[int, Steps] = dataclasses.field(default_factory=lambda: defaultdict(Steps))
    """Per batch of so many rows."""
    spread: Spread = dataclasses.field(default_factory=Spread)


class Statistics:
    """All that was counted, by model."""

    def __init__(self) -> None:
        self._models: dict[Key, ModelStatistics] = {}

    def record_batch(self, key: Key, batch: Batch, now_ms: int) -> None:
        """A batch was computed and its requests are answered."""
        found = self.of(key)
        found.last_inference_ms = now_ms
        found.inferences += batch.rows
        found.executions += 1
        for prepare_ns, queue_ns in zip(batch.prepare_ns, batch.queue_ns, strict=True):
            found.queue.add(queue_ns)
            found.steps.input.ns += prepare_ns
            found.success.add(prepare_ns + queue_ns + batch.input_ns + batch.infer_ns + batch.output_ns)
        found.steps.add(batch, len(batch.queue_ns))
        found.by_rows[batch.rows].add(batch)
        found.spread.add(batch)

    def record_failure(self, key: Key, ns: int) -> None:
        """A request was refused, given up, or its batch failed."""
        self.of(key).fail.add(ns)

    def of(self, key: Key) -> ModelStatistics:
        """Of one version; all zero before its first request."""
        found = self._models.get(key)
        if found is None:
            found = self._models[key] = ModelStatistics()
        return found

    def models(self) -> list[Key]:
        """Versions that were asked, in order."""
        return sorted(self._models)
