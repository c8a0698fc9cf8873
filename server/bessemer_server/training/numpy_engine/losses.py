"""Losses on logits: mean over the samples, and the gradient by the logits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bessemer_server.training.numpy_engine import activations

Array = npt.NDArray[Any]


def cross_entropy(logits: Array, labels: Array) -> tuple[float, Array]:
    """Of softmax(logits [N, K]) and labels [N]: -mean(log p_label); its gradient is (p - one-hot) / N."""
    rows = np.arange(len(labels))
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[rows, labels]
    gradient = activations.softmax(logits)
    gradient[rows, labels] -= 1
    return float(losses.mean(dtype=np.float64)), gradient / len(labels)


def cross_entropy_of_one(logits: Array, labels: Array) -> tuple[float, Array]:
    """`binary_cross_entropy` of logits [N, 1] for labels [N], 0 or 1."""
    return binary_cross_entropy(logits, labels[:, None].astype(logits.dtype))


def binary_cross_entropy(logits: Array, targets: Array) -> tuple[float, Array]:
    """Of sigmoid(logits [N, 1]) and targets [N, 1] in [0, 1]; its gradient is (p - target) / N.

    log(1 + exp(-|z|)) + max(z, 0) - z·target: where the logarithm of a probability of 0 would be infinite, this is not.
    """
    losses = np.log1p(np.exp(-np.abs(logits))) + np.maximum(logits, 0) - logits * targets
    gradient: Array = (activations.sigmoid(logits) - targets) / len(targets)
    return float(losses.mean(dtype=np.float64)), gradient


LOSSES: Mapping[str, Callable[[Array, Array], tuple[float, Array]]] = {
    "cross_entropy": cross_entropy,
    "binary_cross_entropy": cross_entropy_of_one,
}
"""By name, of logits and labels [N]; the second for networks that end in one unit."""
