"""The layers of a fully connected network."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from bessemer_server.training.numpy_engine.activations import Activation

Array = npt.NDArray[Any]


class Layer(Protocol):
    """A function with a derivative. `forward` keeps what the next `backward` needs."""

    def forward(self, inputs: Array) -> Array:
        """[N, ...] → [N, ...]."""
        ...

    def backward(self, gradient: Array) -> Array:
        """Gradient by the outputs → gradient by the inputs; gradients by parameters are written where they belong."""
        ...


class Dense:
    """activation(x · Wᵀ + b). Parameters and gradients are views into flat arrays."""

    def __init__(
        self, weight: Array, bias: Array, weight_gradient: Array, bias_gradient: Array, activation: Activation
    ) -> None:
        """Weights [O, I] and bias [O], as PyTorch has them."""
        self._weight, self._bias = weight, bias
        self._weight_gradient, self._bias_gradient = weight_gradient, bias_gradient
        self._activation = activation

    def forward(self, inputs: Array) -> Array:
        """[N, I] → [N, O]."""
        self._inputs = inputs
        self._outputs = self._activation.apply(inputs @ self._weight.T + self._bias)
        return self._outputs

    def backward(self, gradient: Array) -> Array:
        """[N, O] → [N, I]."""
        by_sum = self._activation.backward(gradient, self._outputs)
        np.matmul(by_sum.T, self._inputs, out=self._weight_gradient)
        np.sum(by_sum, axis=0, out=self._bias_gradient)
        found: Array = by_sum @ self._weight
        return found


class Dropout:
    """Multiplies by a mask; without one, it does nothing."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.mask: Array | None = None
        """[N, I]: 0 for what is dropped, 1 / (1 - rate) for the others."""

    def forward(self, inputs: Array) -> Array:
        """[N, I] → [N, I]."""
        return inputs if self.mask is None else inputs * self.mask

    def backward(self, gradient: Array) -> Array:
        """[N, I] → [N, I]."""
        return gradient if self.mask is None else gradient * self.mask


class Flatten:
    """[N, ...] → [N, I]."""

    def forward(self, inputs: Array) -> Array:
        """Row by row, the last axis fastest."""
        self._shape = inputs.shape
        return np.ascontiguousarray(inputs).reshape(len(inputs), -1)

    def backward(self, gradient: Array) -> Array:
        """Back to the shape of the inputs."""
        return gradient.reshape(self._shape)
