"""What is measured of a published model on samples."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class ClassResult:
    """How a classifier does on the samples of one class."""

    label: str
    predicted: tuple[int, ...]
    """Row of the confusion matrix: samples of this class by the class they were predicted as."""
    precision: float
    """Share of what was predicted as this class that is; 0 when nothing was."""
    recall: float
    """Share of this class that was predicted as it; 0 when there are no samples."""
    f1: float
    """Harmonic mean of both."""

    @property
    def samples(self) -> int:
        """Samples of this class."""
        return sum(self.predicted)


@dataclasses.dataclass(frozen=True, slots=True)
class Evaluation:
    """How a classifier does on one split of a data set."""

    dataset: str
    split: str
    samples: int
    metrics: Mapping[str, float]
    classes: tuple[ClassResult, ...]
