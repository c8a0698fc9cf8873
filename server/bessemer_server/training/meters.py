"""Sums of metrics: read from the device in groups, added up in order, so that grouping changes no value."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import torch

from bessemer_server.domain import metrics
from bessemer_server.training.learner import Batch, Learner, Sums

EVALUATION_BATCH = 512


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """The metrics of one step: means over its samples."""

    step: int
    epoch: int
    values: Mapping[str, float]


class EpochMeter:
    """Means over the epoch so far. Steps wait on the device to be read together: reading stops a GPU for a
    moment."""

    def __init__(self, waiting_limit: int) -> None:
        self.sums: dict[str, float] = {}
        self.samples = 0
        self._waiting: list[tuple[int, int, int, Sums]] = []
        self._waiting_limit = waiting_limit

    @property
    def is_full(self) -> bool:
        """Whether it is time to read."""
        return len(self._waiting) >= self._waiting_limit

    def add(self, step: int, epoch: int, samples: int, sums: Sums) -> None:
        """A step was done."""
        self._waiting.append((step, epoch, samples, sums))

    def read(self) -> list[Measured]:
        """Add what waits to the sums, and return it step by step."""
        if not self._waiting:
            return []
        rows = torch.stack([torch.stack(list(sums.values())) for *_, sums in self._waiting]).tolist()
        measured = []
        for (step, epoch, samples, sums), row in zip(self._waiting, rows, strict=True):
            self.samples += samples
            for name, value in zip(sums, row, strict=True):
                self.sums[name] = self.sums.get(name, 0.0) + value
            measured.append(Measured(step, epoch, {n: v / samples for n, v in zip(sums, row, strict=True)}))
        self._waiting.clear()
        return measured

    def means(self) -> dict[str, float]:
        """Means over all samples of the epoch that were read."""
        return {name: value / self.samples for name, value in self.sums.items()}

    def reset(self) -> None:
        """A new epoch begins."""
        self.sums, self.samples = {}, 0


def evaluate(learner: Learner, samples: Batch) -> dict[str, float]:
    """Means over all samples, and scores of them, without learning."""
    meter = EpochMeter(waiting_limit=1)
    for start in range(0, len(samples), EVALUATION_BATCH):
        end = start + EVALUATION_BATCH
        batch = Batch(samples.inputs[start:end], samples.labels[start:end])
        meter.add(0, 0, len(batch), learner.evaluate(batch))
    meter.read()
    return meter.means() | learner.take_scores()


def points(
    scope: metrics.Scope, step: int, epoch: int, values: Mapping[str, float], prefix: str = ""
) -> list[metrics.Metric]:
    """One metric per value, named `<prefix><name>`."""
    return [metrics.Metric(scope, f"{prefix}{name}", step, epoch, value) for name, value in values.items()]


def first_loss(values: Mapping[str, float]) -> float | None:
    """The loss, of a generator the first of its losses; None where there is none."""
    return next((value for name, value in values.items() if name.endswith("loss")), None)


def first_non_finite(values: Mapping[str, float]) -> str | None:
    """Name of the first value that is infinite or not a number."""
    return next((name for name, value in values.items() if not math.isfinite(value)), None)
