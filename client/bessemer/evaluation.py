"""How a classifier does on samples: what `model.evaluate` gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bessemer import _faults
from bessemer.v1 import models_pb2

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclasses.dataclass(frozen=True)
class ClassResult:
    """How a classifier does on the samples of one class."""

    label: str
    samples: int
    """Samples of this class."""
    precision: float
    """Share of what was predicted as this class that is; 0 when nothing was."""
    recall: float
    """Share of this class that was predicted as it; 0 when there are no samples."""
    f1: float
    """Harmonic mean of both."""
    predicted: tuple[int, ...]
    """How many samples of this class were predicted as each class, by index."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """How a classifier does on one split of a data set. Printed, it is a table of its classes."""

    dataset: str
    split: str
    samples: int
    metrics: Mapping[str, float]
    """`loss`, `accuracy`, the means over the classes of `precision`, `recall` and `f1`, and the metrics of the job."""
    classes: tuple[ClassResult, ...]

    def __getitem__(self, metric: str) -> float:
        return self.metrics[metric]

    @property
    def labels(self) -> tuple[str, ...]:
        """Name of each class, by index."""
        return tuple(found.label for found in self.classes)

    @property
    def confusion_matrix(self) -> npt.NDArray[np.int64]:
        """Counts [K, K]: the rows are the true classes, the columns the predicted ones."""
        import numpy as np

        return np.array([found.predicted for found in self.classes], dtype=np.int64)

    def __str__(self) -> str:
        width = max(len("class"), *map(len, self.labels))
        lines = [f"{'class':<{width}}  precision  recall      f1  samples"]
        lines += [
            f"{c.label:<{width}}  {c.precision:9.4f}  {c.recall:6.4f}  {c.f1:6.4f}  {c.samples:7,}"
            for c in self.classes
        ]
        means = (self.metrics[name] for name in ("precision", "recall", "f1"))
        lines.append("{:<{}}  {:9.4f}  {:6.4f}  {:6.4f}  {:7,}".format("mean", width, *means, self.samples))
        lines.append(
            f"{self.dataset}, {self.split} split: accuracy {self['accuracy']:.4f}, loss {self['loss']:.4f}"
        )
        return "\n".join(lines)


def build_request(
    name: str, version: str, dataset: str | None, split: str
) -> models_pb2.EvaluateModelRequest:
    """The request for one version. Raises `InvalidArgument`."""
    return models_pb2.EvaluateModelRequest(
        name=name,
        version=version,
        dataset=_faults.check_text("dataset", dataset or ""),
        split=_faults.check_text("split", split),
    )


def parse(message: models_pb2.Evaluation) -> Evaluation:
    """From the wire."""
    return Evaluation(
        message.dataset,
        message.split,
        message.samples,
        dict(message.metrics),
        tuple(_parse_class(found) for found in message.classes),
    )


def _parse_class(message: Any) -> ClassResult:
    return ClassResult(
        message.label,
        message.samples,
        message.precision,
        message.recall,
        message.f1,
        tuple(message.predicted),
    )
