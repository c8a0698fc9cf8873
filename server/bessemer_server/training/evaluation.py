"""Measures a published classifier on a split of a data set, through the same code that answers predictions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bessemer_server.data import sources, splits
from bessemer_server.domain import errors, evaluations, plans
from bessemer_server.training import predictors

Array = npt.NDArray[Any]
SPLITS = ("train", "validation", "test")
BATCH = 512
LEAST_PROBABILITY = 1e-7
"""A probability of 0 for the true class would make the loss infinite; Keras's bound."""


@dataclasses.dataclass(frozen=True, slots=True)
class Published:
    """What is known of a model beside its weights."""

    definition: Mapping[str, Any]
    spec: Mapping[str, Any]
    """The effective specification that it was trained by: a data set is divided as it says."""


def evaluate(
    model: predictors.Predictor,
    published: Published,
    source: sources.Source,
    split: str,
    folders: sources.Folders,
) -> evaluations.Evaluation:
    """Loss, accuracy, confusion matrix, and precision, recall and F1 of each class.

    Raises `errors.InvalidArgument` for a data set or split that the model cannot be measured on, `sources.InvalidData`.
    """
    definition = published.definition
    samples = _load(published, source, split, folders)
    probabilities = np.concatenate(
        [
            model.predict({definition["inputs"][0]["name"]: samples.inputs[start : start + BATCH]})[
                definition["outputs"][0]["name"]
            ]
            for start in range(0, len(samples), BATCH)
        ]
    )
    return _measure(probabilities, samples.labels, definition["labels"], source.name, split)


def confusion(predicted: Array, labels: Array, classes: int) -> npt.NDArray[np.int64]:
    """Counts [true class, predicted class]."""
    counts = np.bincount(labels * classes + predicted, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def _load(
    published: Published, source: sources.Source, split: str, folders: sources.Folders
) -> sources.Samples:
    definition, spec = published.definition, published.spec
    if split not in SPLITS:
        raise _refuse("split", f"there is no split {split!r}; {errors.suggest(split, SPLITS)}")
    if "labels" not in definition or not definition["labels"]:
        raise _refuse("name", "is no classifier: it has no classes to evaluate")
    _check_fit(definition, source.info)
    train, test = source.load(folders)
    parts = splits.split(train, test, source.info, spec["validation_split"], spec["test_split"])
    samples = {"train": parts.train, "validation": parts.validation, "test": parts.test}[split]
    if samples is None:
        raise _refuse(
            "split",
            f"{source.name} has no {split} samples, divided as for this model; take another of {SPLITS}",
        )
    return samples


def _check_fit(definition: Mapping[str, Any], info: plans.DatasetInfo) -> None:
    shape = tuple(definition["inputs"][0]["shape"][1:])
    if info.shape != shape:
        raise _refuse("dataset", f"{info.name} has samples of shape {info.shape}; the model takes {shape}")
    if len(info.labels) != len(definition["labels"]):
        raise _refuse(
            "dataset",
            f"{info.name} has {len(info.labels)} classes, the model {len(definition['labels'])}; evaluate it on data "
            "with the same classes",
        )


def _measure(
    probabilities: Array, labels: Array, names: Sequence[str], dataset: str, split: str
) -> evaluations.Evaluation:
    counts = confusion(probabilities.argmax(axis=1), labels, len(names))
    hits = np.diag(counts)
    precision, recall = _ratio(hits, counts.sum(axis=0)), _ratio(hits, counts.sum(axis=1))
    f1 = _ratio(2 * precision * recall, precision + recall)
    own = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    metrics = {
        "loss": float(-np.log(np.maximum(own, LEAST_PROBABILITY)).mean()),
        "accuracy": float(hits.sum() / len(labels)),
        "precision": float(precision.mean()),
        "recall": float(recall.mean()),
        "f1": float(f1.mean()),
    }
    classes = tuple(
        evaluations.ClassResult(name, tuple(row), *map(float, values))
        for name, row, *values in zip(names, counts.tolist(), precision, recall, f1, strict=True)
    )
    return evaluations.Evaluation(dataset, split, len(labels), metrics, classes)


def _ratio(part: Array, whole: Array) -> npt.NDArray[np.float64]:
    """0 where the whole is 0, as scikit-learn's zero_division=0."""
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole != 0)


def _refuse(field: str, description: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(violations=[errors.Violation(field, description)])
