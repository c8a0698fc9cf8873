"""Measures a published classifier on a split of a data set, through the same code that answers predictions."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bessemer_server.data import sources
from bessemer_server.domain import errors, evaluations, plans
from bessemer_server.training import inference, predictors, subsets
from bessemer_server.training.objectives import kinds as losses
from bessemer_server.training.objectives import objective
from bessemer_server.training.scores import kinds as scores
from bessemer_server.training.scores import ratios

Array = npt.NDArray[Any]
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
    """Loss, accuracy, the metrics of the model's job, confusion matrix, and precision, recall and F1 of each class.

    Raises `errors.InvalidArgument` for a data set or split that the model cannot be measured on, `sources.InvalidData`.
    """
    definition = published.definition
    samples = _load(published, source, split, folders)
    (given,), (asked,) = definition["inputs"], definition["outputs"]
    parts = [
        model.begin({given["name"]: samples.inputs[start : start + BATCH]}).result()
        for start in range(0, len(samples), BATCH)
    ]
    probabilities = np.concatenate([part[asked["name"]] for part in parts])
    if lost := inference.find_lost({asked["name"]: probabilities}):
        raise errors.no_number(f"sample {lost[0]} of the {split} split of {source.name}")
    metrics, classes = measure(probabilities, samples.labels, definition["labels"], published.spec)
    return evaluations.Evaluation(source.name, split, len(samples), metrics, classes)


def measure(
    probabilities: Array, labels: npt.NDArray[np.int64], names: Sequence[str], spec: Mapping[str, Any]
) -> tuple[dict[str, float], tuple[evaluations.ClassResult, ...]]:
    """Metrics by name, and the results of each class, of probabilities [N, K]; the loss is that of `spec`."""
    # Softmax of the logarithms of probabilities gives the probabilities again.
    logits = torch.from_numpy(probabilities.astype(np.float64)).clamp(min=LEAST_PROBABILITY).log()
    true = torch.from_numpy(labels)
    counts = ratios.count(logits, true)
    found = ratios.per_class(counts)
    criterion = objective.Objective(spec.get("loss", losses.DEFAULT), spec.get("label_smoothing", 0.0))
    metrics = {
        "loss": float(criterion.measure(logits, true)) / len(true),
        "accuracy": float(counts.trace()) / len(true),
        **{name: found.mean(name) for name in ("precision", "recall", "f1")},
        **scores.compute(spec.get("metrics", []), logits, true),
    }
    columns = (found.precision.tolist(), found.recall.tolist(), found.f1.tolist())
    rows = zip(names, counts.tolist(), *columns, strict=True)
    return metrics, tuple(evaluations.ClassResult(name, tuple(row), *values) for name, row, *values in rows)


def _load(
    published: Published, source: sources.Source, split: str, folders: sources.Folders
) -> sources.Samples:
    definition, spec = published.definition, published.spec
    if split not in subsets.SPLITS:
        raise _refuse("split", f"there is no split {split!r}; {errors.suggest(split, subsets.SPLITS)}")
    if "labels" not in definition or not definition["labels"]:
        raise _refuse("name", "is no classifier: it has no classes to evaluate")
    _check_fit(definition, source.info)
    samples = subsets.load(spec, source, split, folders)
    if samples is None:
        raise _refuse(
            "split",
            f"{source.name} has no {split} samples, divided as for this model; take another of {subsets.SPLITS}",
        )
    return samples


def _check_fit(definition: Mapping[str, Any], info: plans.DatasetInfo) -> None:
    if misfit := subsets.find_misfit(definition, info):
        raise _refuse("dataset", misfit)
    if len(info.labels) != len(definition["labels"]):
        raise _refuse(
            "dataset",
            f"{info.name} has {len(info.labels)} classes, the model {len(definition['labels'])}; evaluate it on data "
            "with the same classes",
        )


def _refuse(field: str, description: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(violations=[errors.Violation(field, description)])
