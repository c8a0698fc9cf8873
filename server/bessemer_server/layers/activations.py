"""Activation functions: one table, for the `activation` layer and the `activation` option of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pydantic
import torch
from torch import nn
from torch.nn import functional

from bessemer_server.layers import graphs, kinds, shapes
from bessemer_server.layers.options import Options

Name = Literal["linear", "relu", "sigmoid", "softmax", "tanh", "leaky_relu", "elu", "gelu", "silu"]
LEAK = 0.3
"""Slope of `leaky_relu` below 0: that of the layer LeakyReLU of Keras 2 and 3. (Keras 3's function of that
name has 0.2, torch's 0.01.)"""


def _linear(inputs: torch.Tensor) -> torch.Tensor:
    return inputs


def _softmax(inputs: torch.Tensor) -> torch.Tensor:
    # Keras's last axis: of images, which are NCHW here, the channels.
    return torch.softmax(inputs, dim=1 if inputs.ndim == shapes.IMAGE else -1)


def _leaky_relu(inputs: torch.Tensor) -> torch.Tensor:
    return functional.leaky_relu(inputs, LEAK)


FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "linear": _linear,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "softmax": _softmax,
    "tanh": torch.tanh,
    "leaky_relu": _leaky_relu,
    "elu": functional.elu,
    "gelu": functional.gelu,
    "silu": functional.silu,
}
"""relu: max(0, x); sigmoid: 1 / (1 + exp(-x)); softmax: exp(x_i) / sum of exp(x_j) over features or channels;
leaky_relu: max(x, 0.3 x); elu: x above 0, exp(x) - 1 below; gelu: x times the normal distribution's share below
x; silu (swish): x · sigmoid(x)."""


def _export_linear(graph: graphs.Graph, inputs: graphs.Value) -> graphs.Value:
    return inputs


def _export_softmax(graph: graphs.Graph, inputs: graphs.Value) -> graphs.Value:
    return graph.add("Softmax", inputs, axis=1 if inputs.rank == shapes.IMAGE else -1)


def _export_silu(graph: graphs.Graph, inputs: graphs.Value) -> graphs.Value:
    return graph.add("Mul", inputs, graph.add("Sigmoid", inputs))


def _operator(name: str, **attributes: Any) -> Export:
    return lambda graph, inputs: graph.add(name, inputs, **attributes)


Export = Callable[[graphs.Graph, graphs.Value], graphs.Value]
EXPORTS: dict[str, Export] = {
    "linear": _export_linear,
    "relu": _operator("Relu"),
    "sigmoid": _operator("Sigmoid"),
    "softmax": _export_softmax,
    "tanh": _operator("Tanh"),
    "leaky_relu": _operator("LeakyRelu", alpha=LEAK),
    "elu": _operator("Elu"),
    "gelu": _operator("Gelu"),
    "silu": _export_silu,
}
"""The same functions in ONNX's operators."""


class ActivationOptions(Options):
    """An activation function as a layer of its own."""

    model_config = pydantic.ConfigDict(
        json_schema_extra={"examples": [{"function": name} for name in FUNCTIONS]}
    )

    function: Name
    """The function to apply."""


class Activation(nn.Module):
    """Applies a function element by element (softmax: over features or channels)."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.function = FUNCTIONS[name]

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.function(inputs)

    def export(self, graph: graphs.Graph, inputs: graphs.Value) -> graphs.Value:
        """See `graphs.Exportable`."""
        return EXPORTS[self.name](graph, inputs)


def build(options: ActivationOptions, input_shape: kinds.Shape) -> tuple[nn.Module, kinds.Shape]:
    """Takes every shape, and keeps it."""
    return Activation(options.function), input_shape


ACTIVATION = kinds.Kind(
    "activation", ActivationOptions, build, lambda options: options.function, activation="function"
)
