"""Class weights: how much the samples of each class count in training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from bessemer_server.domain import errors

PATH = "class_weights"
BALANCED = "balanced"
DEFAULT = 1.0
"""Of a class without a weight of its own."""


def find_faults(given: Any, labels: Sequence[str] | None) -> Iterator[errors.Violation]:
    """A violation for each thing that keeps `given` from being weights for these labels; None: not known yet."""
    if given is None or given == BALANCED:
        return
    if not isinstance(given, Mapping) or not given:
        yield errors.Violation(
            PATH, f"must be {BALANCED!r} or a weight for each label, as {{'cat': 2.0}}, but is {given!r}"
        )
        return
    faults = [*_find_unknown(given, labels or given.keys()), *_find_no_weights(given)]
    yield from faults
    if not faults and not any(_complete(given, labels or list(given))):
        yield errors.Violation(
            PATH, "are all 0, so nothing would be learnt; give some class a weight above 0"
        )


def resolve(given: Any, labels: Sequence[str], samples: npt.NDArray[np.int64]) -> tuple[float, ...] | None:
    """The weight of each class; `samples` are the labels of the training split, for `balanced`."""
    if given is None:
        return None
    return _balance(samples, len(labels)) if given == BALANCED else tuple(_complete(given, labels))


def _balance(samples: npt.NDArray[np.int64], classes: int) -> tuple[float, ...]:
    """N / (K · n) for a class of n samples, as scikit-learn's `compute_class_weight`; K classes occur."""
    counts = np.bincount(samples, minlength=classes)
    occurring = np.count_nonzero(counts)
    return tuple(len(samples) / (occurring * int(n)) if n else 0.0 for n in counts)


def _complete(given: Mapping[str, float], labels: Sequence[str]) -> list[float]:
    return [float(given.get(label, DEFAULT)) for label in labels]


def _find_unknown(given: Mapping[Any, Any], labels: Any) -> Iterator[errors.Violation]:
    for label in given:
        if label not in labels:
            yield errors.Violation(
                f"{PATH}.{label}", f"there is no class {label!r}; {errors.suggest(str(label), labels)}"
            )


def _find_no_weights(given: Mapping[Any, Any]) -> Iterator[errors.Violation]:
    for label, weight in given.items():
        is_number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not is_number or not math.isfinite(weight) or weight < 0:
            yield errors.Violation(f"{PATH}.{label}", f"must be a number of at least 0, but is {weight!r}")
