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

    def add(self, ns: int) -> None:
        """Another one."""
        self.count += 1
        self.ns += ns


def _duration() -> Duration:
    return Duration()


@dataclasses.dataclass(slots=True)
class Steps:
    """The three steps of a batch."""

    input: Duration = dataclasses.field(default_factory=_duration)
    infer: Duration = dataclasses.field(default_factory=_duration)
    output: Duration = dataclasses.field(default_factory=_duration)

    def add(self, batch: Batch) -> None:
        """Another batch."""
        self.input.add(batch.input_ns)
        self.infer.add(batch.infer_ns)
        self.output.add(batch.output_ns)


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
class ModelStatistics:
    """Of one version of a model, since the server started."""

    last_inference_ms: int = 0
    """Since 1970; 0 before the first."""
    request: Histogram = dataclasses.field(default_factory=histograms.durations)
    """Of each that was answered, from its arrival on: the sum of the four that follow."""
    queue: Histogram = dataclasses.field(default_factory=histograms.durations)
    input: Histogram = dataclasses.field(default_factory=histograms.durations)
    infer: Histogram = dataclasses.field(default_factory=histograms.durations)
    output: Histogram = dataclasses.field(default_factory=histograms.durations)
    fail: Duration = dataclasses.field(default_factory=_duration)
    rows: Histogram = dataclasses.field(default_factory=histograms.rows)
    """Of each batch."""
    by_rows: dict[int, Steps] = dataclasses.field(default_factory=lambda: defaultdict(Steps))
    """Per batch of so many rows."""

    def add(self, batch: Batch) -> None:
        """A batch that was computed, and its requests."""
        self.rows.add(batch.rows)
        self.by_rows[batch.rows].add(batch)
        steps_ns = batch.input_ns + batch.infer_ns + batch.output_ns
        for prepare_ns, queue_ns in zip(batch.prepare_ns, batch.queue_ns, strict=True):
            self.queue.add(queue_ns)
            self.input.add(prepare_ns + batch.input_ns)
            self.request.add(prepare_ns + queue_ns + steps_ns)
        self.infer.add(batch.infer_ns, len(batch.queue_ns))
        self.output.add(batch.output_ns, len(batch.queue_ns))


class Statistics:
    """All that was counted, by model."""

    def __init__(self) -> None:
        self._models: dict[Key, ModelStatistics] = {}

    def record_batch(self, key: Key, batch: Batch, now_ms: int) -> None:
        """A batch was computed and its requests are answered."""
        found = self.of(key)
        found.last_inference_ms = now_ms
        found.add(batch)

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
