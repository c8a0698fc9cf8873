"""Precision, recall and F1, from how often each class was right, predicted and there.

Means over the classes: each class counts alike, however many samples it has; a class that neither occurs nor is
predicted is left out, and a ratio whose denominator is 0 is 0. So it is in torchmetrics' multiclass metrics with
`average="macro"` and in scikit-learn. For two classes too it is the mean over both.
"""

from __future__ import annotations

import dataclasses

import torch

from bessemer_server.training.scores import kinds


@dataclasses.dataclass(frozen=True, slots=True)
class PerClass:
    """A value for each class, float64 [K]."""

    precision: torch.Tensor
    recall: torch.Tensor
    f1: torch.Tensor
    occurs: torch.Tensor
    """Whether there are samples or predictions of the class; bool [K]."""

    def mean(self, name: str) -> float:
        """Over the classes that occur."""
        values: torch.Tensor = getattr(self, name)[self.occurs]
        return float(values.mean()) if len(values) else 0.0


def per_class(counts: torch.Tensor) -> PerClass:
    """Of a confusion matrix [K, K]: rows are true classes, columns predicted ones."""
    counts = counts.double()
    right, predicted, there = counts.diagonal(), counts.sum(dim=0), counts.sum(dim=1)
    return PerClass(
        precision=_divide(right, predicted),
        recall=_divide(right, there),
        f1=_divide(2 * right, predicted + there),
        occurs=predicted + there > 0,
    )


def count(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The confusion matrix [K, K], on the CPU."""
    classes = logits.shape[1]
    cells = (labels * classes + logits.argmax(dim=1)).cpu()
    return torch.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def precision(logits: torch.Tensor, labels: torch.Tensor, _: int) -> float:
    """Share of what was predicted as a class that is of it; mean over the classes."""
    return per_class(count(logits, labels)).mean("precision")


def recall(logits: torch.Tensor, labels: torch.Tensor, _: int) -> float:
    """Share of a class that was predicted as it; mean over the classes."""
    return per_class(count(logits, labels)).mean("recall")


def f1(logits: torch.Tensor, labels: torch.Tensor, _: int) -> float:
    """Harmonic mean of a class's precision and recall; mean over the classes."""
    return per_class(count(logits, labels)).mean("f1")


def _divide(part: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    return torch.where(whole > 0, part / whole.clamp(min=1), 0.0)


PRECISION = kinds.Score("precision", precision)
RECALL = kinds.Score("recall", recall)
F1 = kinds.Score("f1", f1)
