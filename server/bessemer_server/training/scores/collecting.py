"""Keeps what scores are computed from until all samples were seen.

Means of batch values would be another number, so the logits of each sample wait. They take K numbers a sample, as a rule
less than the sample itself, which lies on the device too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from bessemer_server.training.scores import kinds

LOGITS, LABELS = "scores/logits", "scores/labels"


class Collector:
    """The logits [N, K] and labels [N] since the scores were last taken; nothing where no score is asked for."""

    def __init__(self, names: Sequence[str], device: torch.device) -> None:
        self._names = [name for name in names if name not in kinds.ALWAYS]
        self._device = device
        self._logits: list[torch.Tensor] = []
        self._labels: list[torch.Tensor] = []

    def add(self, logits: torch.Tensor, labels: torch.Tensor) -> None:
        """The samples of a batch, as they were seen before its update."""
        if self._names:
            self._logits.append(logits.detach())
            self._labels.append(labels)

    def take(self) -> dict[str, float]:
        """The scores of all samples by name, and begin anew."""
        if not self._logits:
            return {}
        found = kinds.compute(self._names, torch.cat(self._logits), torch.cat(self._labels))
        self._logits, self._labels = [], []
        return found

    def state(self) -> dict[str, torch.Tensor]:
        """What waits, for a snapshot within an epoch."""
        if not self._logits:
            return {}
        return {LOGITS: torch.cat(self._logits), LABELS: torch.cat(self._labels)}

    def load_state(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go back to a state, bit by bit."""
        self._logits = [state[LOGITS].to(self._device)] if LOGITS in state else []
        self._labels = [state[LABELS].to(self._device)] if LABELS in state else []
