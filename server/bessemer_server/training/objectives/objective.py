"""A loss with a job's settings: what a learner makes small, and what it measures."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from bessemer_server.training.objectives import kinds


class Objective:
    """A loss, label smoothing and class weights. Shapes: logits [N, K], labels [N]."""

    def __init__(
        self,
        loss: str = kinds.DEFAULT,
        label_smoothing: float = 0.0,
        class_weights: Sequence[float] | None = None,
        device: torch.device | None = None,
    ) -> None:
        """`class_weights` are by index of the class; None: each counts alike."""
        self._compute = kinds.REGISTRY.get(loss).compute
        self._smoothing = label_smoothing
        self._weights = None if class_weights is None else torch.tensor(class_weights, device=device)

    def __call__(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The mean over the batch of weight · loss: divided by N as in Keras, not by the sum of weights as in torch."""
        if self._weights is None:
            return self._compute(logits, labels, self._smoothing, "mean")
        return (self._compute(logits, labels, self._smoothing, "none") * self._weights[labels]).mean()

    def measure(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The sum over the samples, without class weights: as Keras, they are for learning."""
        return self._compute(logits, labels, self._smoothing, "sum")
