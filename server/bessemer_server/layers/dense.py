"""Fully connected layers."""

from __future__ import annotations

from typing import Annotated

import pydantic
import torch
from torch import nn

from bessemer_server.layers import activations, initialisers, kinds
from bessemer_server.layers.options import Options


class DenseOptions(Options):
    """Fully connected layer: activation(weights · input + bias)."""

    units: Annotated[int, pydantic.Field(ge=1, le=65_536)]
    """Number of outputs, from 1 to 65,536."""
    activation: activations.Name = "linear"
    """Activation function."""


class Dense(nn.Linear):
    """A linear map and an activation function."""

    def __init__(self, inputs: int, units: int, activation: str) -> None:
        super().__init__(inputs, units)
        self.activation = activations.FUNCTIONS[activation]

    def initialise(self, generator: torch.Generator) -> None:
        """Glorot uniform weights, zero bias."""
        initialisers.glorot_uniform_(self, generator)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.activation(super().forward(inputs))


def build(options: DenseOptions, input_shape: kinds.Shape) -> tuple[nn.Module, kinds.Shape]:
    """(features,) → (units,)."""
    if len(input_shape) != 1:
        raise kinds.LayerError("it needs a flat input: put flatten before it")
    return Dense(input_shape[0], options.units, options.activation), (options.units,)


def describe(options: DenseOptions) -> str:
    """`128 units, relu`."""
    return f"{options.units} units, {options.activation}"


DENSE = kinds.Kind("dense", DenseOptions, build, describe, activation="activation")
