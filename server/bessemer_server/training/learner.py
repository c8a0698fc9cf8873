"""What the loop drives. It knows steps and epochs; a learner knows what is learnt."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch

Sums = Mapping[str, torch.Tensor]
"""Metric name (`loss`, `accuracy`, ...) → its sum over samples, float64 scalar on the device."""


@dataclasses.dataclass(frozen=True, slots=True)
class Batch:
    """Samples on the device, raw: preprocessing is the learner's."""

    inputs: torch.Tensor
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: torch.Tensor) -> Batch:
        """The samples at `indices`."""
        return Batch(self.inputs[indices], self.labels[indices])


class Learner(Protocol):
    """A model that learns step by step, and whose state is a set of named tensors."""

    def train_step(self, batch: Batch, epoch: int, step: int, learning_rate: float) -> Sums:
        """Learn from a batch. All randomness is keyed by `epoch` and `step`, both from 1."""
        ...

    def evaluate(self, batch: Batch) -> Sums:
        """The same sums without learning; deterministic."""
        ...

    def take_scores(self) -> dict[str, float]:
        """Metrics that are no sums, of all samples that were learnt or evaluated since they were last taken."""
        ...

    def weights(self) -> dict[str, torch.Tensor]:
        """What is published, by name; live tensors."""
        ...

    def load_weights(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Go back to the values of `weights`."""
        ...

    def state(self) -> dict[str, torch.Tensor]:
        """All that `train_step` changes, by name; live tensors."""
        ...

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go back to a state, bit by bit."""
        ...

    def definition(self) -> dict[str, Any]:
        """What a predictor needs beside the weights; JSON."""
        ...


@runtime_checkable
class Drawing(Protocol):
    """A learner that shows what it has learnt in pictures."""

    def draw(self, epoch: int, *, is_last: bool) -> npt.NDArray[np.uint8] | None:
        """Pictures [N, H, W, C] at the end of `epoch`, from the same noise each time; None: not of this one."""
        ...
