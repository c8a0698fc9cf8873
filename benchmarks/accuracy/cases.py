"""The jobs whose accuracy is promised, each with its aim."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import bessemer
from benchmarks.accuracy import judging

ALL_FOR_TRAINING = {"validation_split": 0}
"""As the seed's code: nothing is held out of the training split."""

Measure = Callable[[bessemer.Client, bessemer.Job], tuple[float, str]]


def _test_accuracy(client: bessemer.Client, job: bessemer.Job) -> tuple[float, str]:
    return job.metrics["test/accuracy"], ""


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """One job, and the least accuracy that it shall reach with each seed."""

    architecture: str
    dataset: str
    aim: float
    settings: Mapping[str, Any]
    measure: Measure = _test_accuracy
    """What is compared with the aim, and more about it in words."""
    folder: str = ""
    """Folder below the data set folder that is uploaded first under the name of the data set."""

    @property
    def name(self) -> str:
        """What the command line calls it."""
        return f"{self.architecture}-{self.dataset}"


CASES = (
    Case("mnist_cnn", "mnist", 0.988, {"epochs": 3, "batch_size": 128, **ALL_FOR_TRAINING}),
    Case("cifar_cnn", "cifar10", 0.76, {"epochs": 10, "batch_size": 64, **ALL_FOR_TRAINING}),
    Case(
        "lstm_classifier",
        "imdb",
        0.82,
        {
            "epochs": 3,
            "batch_size": 64,
            "text": {"vocabulary": 10_000, "length": 100},
            **ALL_FOR_TRAINING,
        },
    ),
    Case("mlp", "breast_cancer", 0.95, {"epochs": 30, "batch_size": 16}),
    Case("mlp", "iris", 0.93, {"epochs": 60, "batch_size": 16}),
    Case("mlp", "wine", 0.95, {"epochs": 30, "batch_size": 16}),
    Case(
        "transfer",
        "hymenoptera",
        0.92,
        {
            "epochs": 10,
            "batch_size": 32,
            "options": {"backbone": "mobilenet_v2", "weights": "mobilenet_v2-onnxzoo-rebuilt.pth"},
            **ALL_FOR_TRAINING,
        },
        folder="hymenoptera_256",
    ),
    Case(
        "dcgan",
        "mnist",
        0.6,
        {
            "epochs": 3,
            "batch_size": 32,
            "options": {"filters": 32, "dense": 512},
            "optimizer": {"kind": "adam", "learning_rate": 4e-4, "beta1": 0.5},
        },
        judging.measure,
    ),
)
