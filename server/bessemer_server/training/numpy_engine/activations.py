"""Activation functions, each with its derivative in terms of what it gave."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Activation:
    """An activation function."""

    apply: Callable[[Array], Array]
    """z → a."""
    backward: Callable[[Array, Array], Array]
    """(gradient by a, a) → gradient by z."""


def linear(z: Array) -> Array:
    """z."""
    return z


def relu(z: Array) -> Array:
    """max(0, z)."""
    return np.maximum(z, 0)


def sigmoid(z: Array) -> Array:
    """1 / (1 + exp(-z)); of no z does it overflow."""
    e = np.exp(-np.abs(z))
    found: Array = np.where(z >= 0, 1, e) / (1 + e)
    return found


def tanh(z: Array) -> Array:
    """Hyperbolic tangent."""
    found: Array = np.tanh(z)
    return found


def softmax(z: Array) -> Array:
    """exp(z_i) / sum of exp(z_j) over the last axis; of no z does it overflow."""
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    found: Array = e / e.sum(axis=-1, keepdims=True)
    return found


ACTIVATIONS: Mapping[str, Activation] = {
    "linear": Activation(linear, lambda gradient, a: gradient),
    "relu": Activation(relu, lambda gradient, a: gradient * (a > 0)),
    "sigmoid": Activation(sigmoid, lambda gradient, a: gradient * (a * (1 - a))),
    "tanh": Activation(tanh, lambda gradient, a: gradient * (1 - a * a)),
    "softmax": Activation(
        softmax, lambda gradient, a: a * (gradient - (gradient * a).sum(axis=-1, keepdims=True))
    ),
}
