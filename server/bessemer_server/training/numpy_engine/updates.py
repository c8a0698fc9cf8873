"""Update rules on flat arrays, in place. They are PyTorch's formulas, so that both engines agree step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from bessemer_server.training.numpy_engine import memory
from bessemer_server.training.optimizers import kinds
from bessemer_server.training.optimizers.adam import AdamOptions
from bessemer_server.training.optimizers.sgd import SgdOptions

Array = npt.NDArray[Any]


class Rule(Protocol):
    """An update rule and what it remembers from step to step."""

    @property
    def slots(self) -> Mapping[str, Array]:
        """What is remembered, live."""
        ...

    def update(self, parameters: Array, gradients: Array, learning_rate: float) -> None:
        """Take one step."""
        ...


class Sgd:
    """θ ← θ - η g. With momentum μ: v ← μ v + g, then θ ← θ - η v, or Nesterov's θ ← θ - η (g + μ v)."""

    def __init__(self, options: SgdOptions, size: int, dtype: npt.DTypeLike) -> None:
        self._options = options
        self.slots = {"momentum": memory.zeros((size,), dtype)} if options.momentum else {}

    def update(self, parameters: Array, gradients: Array, learning_rate: float) -> None:
        """See `Rule`."""
        if self._options.momentum:
            velocity = self.slots["momentum"]
            velocity *= self._options.momentum
            velocity += gradients
            gradients = gradients + self._options.momentum * velocity if self._options.nesterov else velocity
        parameters -= learning_rate * gradients


class Adam:
    """m ← β₁ m + (1-β₁) g, v ← β₂ v + (1-β₂) g², θ ← θ - η m̂ / (√v̂ + ε), where m̂ = m / (1-β₁ᵗ) and v̂ alike.

    Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2015.
    """

    def __init__(self, options: AdamOptions, size: int, dtype: npt.DTypeLike) -> None:
        self._options = options
        self.slots = {
            "exp_avg": memory.zeros((size,), dtype),
            "exp_avg_sq": memory.zeros((size,), dtype),
            "step": memory.zeros((), np.float64),
        }

    def update(self, parameters: Array, gradients: Array, learning_rate: float) -> None:
        """See `Rule`."""
        beta1, beta2 = self._options.beta1, self._options.beta2
        average, squares, step = self.slots["exp_avg"], self.slots["exp_avg_sq"], self.slots["step"]
        step += 1
        average += (1 - beta1) * (gradients - average)
        squares *= beta2
        squares += (1 - beta2) * gradients * gradients
        steps = float(step)
        divisor = np.sqrt(squares) / float(np.sqrt(1 - beta2**steps)) + self._options.epsilon
        parameters -= learning_rate / (1 - beta1**steps) * average / divisor


def clip(gradients: Array, norm: float | None, value: float | None) -> None:
    """Shorten gradients in place to a length, or each number to a size, as PyTorch does; None: not."""
    if norm is not None:
        length = float(np.sqrt(np.square(gradients).sum()))
        gradients *= min(1.0, norm / (length + 1e-6))
    elif value is not None:
        np.clip(gradients, -value, value, out=gradients)


def build(options: kinds.OptimizerOptions, size: int, dtype: npt.DTypeLike) -> Rule:
    """The rule for these options. Raises `TypeError` for an optimizer that is not here."""
    match options:
        case SgdOptions():
            return Sgd(options, size, dtype)
        case AdamOptions():
            return Adam(options, size, dtype)
    raise TypeError(f"the NumPy engine has no {type(options).__name__}")
