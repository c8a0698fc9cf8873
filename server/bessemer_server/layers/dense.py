"""Fully connected layers."""

from __future__ import annotations

from typing import Annotated

import pydantic
import torch
from torch import nn

from bessemer_server.layers import activations, graphs, initialisers, kinds
from bessemer_server.layers.options import Options


class DenseOptions(Options):
    """Fully connected layer: activation(weights · input + bias)."""

    model_config = pydantic.ConfigDict(
        json_schema_extra={
            "examples": [{"units": 10, "activation": "relu"}, {"units": 10, "use_bias": False}]
        }
    )

    units: Annotated[int, pydantic.Field(ge=1, le=65_536)]
    """Number of outputs, from 1 to 65,536."""
    activation: activations.Name = "linear"
    """Activation function."""
    use_bias: bool = True
    """Whether a learnt number is added to each output."""
    initializer: initialisers.Name = "keras"
    """Initial weights, as one of these libraries draws them: keras Glorot uniform with zero bias, torch uniform
    by the number of inputs."""


class Dense(nn.Linear):
    """A linear map and an activation function."""

    def __init__(self, inputs: int, options: DenseOptions) -> None:
        super().__init__(inputs, options.units, bias=options.use_bias)
        self.activation = activations.FUNCTIONS[options.activation]
        self.options = options
        self.initializer = options.initializer

    def initialise(self, generator: torch.Generator) -> None:
        """See `initialisers.kernel_`."""
        initialisers.kernel_(self, self.initializer, generator)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.activation(super().forward(inputs))

    def export(self, graph: graphs.Graph, inputs: graphs.Value) -> graphs.Value:
        """See `graphs.Exportable`."""
        outputs = export_linear(graph, self, inputs)
        return activations.EXPORTS[self.options.activation](graph, outputs)


def export_linear(graph: graphs.Graph, module: nn.Linear, inputs: graphs.Value) -> graphs.Value:
    """A linear map of the last axis. Of tables ONNX has one operator, which takes the weights as torch has them."""
    if inputs.rank == 2:
        tensors = [graph.tensor(name, tensor) for name, tensor in module.named_parameters()]
        return graph.add("Gemm", inputs, *tensors, transB=1)
    outputs = graph.add("MatMul", inputs, graph.tensor("weight", module.weight.T))
    return outputs if module.bias is None else graph.add("Add", outputs, graph.tensor("bias", module.bias))


def build(options: DenseOptions, input_shape: kinds.Shape) -> tuple[nn.Module, kinds.Shape]:
    """(features,) → (units,); of a sequence each step alike: (length, features) → (length, units)."""
    if len(input_shape) > 2:
        raise kinds.LayerError("it needs a flat input: put flatten before it")
    return Dense(input_shape[-1], options), (*input_shape[:-1], options.units)


def describe(options: DenseOptions) -> str:
    """`128 units, relu`."""
    return f"{options.units} units, {options.activation}"


DENSE = kinds.Kind("dense", DenseOptions, build, describe, activation="activation")
