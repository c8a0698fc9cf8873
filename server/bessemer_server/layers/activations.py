"""Activation functions: one table, for the `activation` layer and the `activation` option of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import nn

from bessemer_server.layers import kinds
from bessemer_server.layers.options import Options

Name = Literal["linear", "relu", "sigmoid", "softmax", "tanh"]


def _linear(inputs: torch.Tensor) -> torch.Tensor:
    return inputs


def _softmax(inputs: torch.Tensor) -> torch.Tensor:
    # Axis 1 holds the features of a table and the channels of an image (NCHW): Keras's last axis.
    return torch.softmax(inputs, dim=1)


FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "linear": _linear,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "softmax": _softmax,
    "tanh": torch.tanh,
}
"""relu: max(0, x); sigmoid: 1 / (1 + exp(-x)); softmax: exp(x_i) / sum of exp(x_j) over features or
channels."""


class ActivationOptions(Options):
    """An activation function as a layer of its own."""

    function: Name
    """The function to apply."""


class Activation(nn.Module):
    """Applies a function element by element (softmax: over features or channels)."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.function = FUNCTIONS[name]

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.function(inputs)


def build(options: ActivationOptions, input_shape: kinds.Shape) -> tuple[nn.Module, kinds.Shape]:
    """Takes every shape, and keeps it."""
    return Activation(options.function), input_shape


ACTIVATION = kinds.Kind(
    "activation", ActivationOptions, build, lambda options: options.function, activation="function"
)
