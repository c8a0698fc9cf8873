"""Convolutions."""

from __future__ import annotations

from typing import Annotated

import pydantic
import torch
from torch import nn
from torch.nn import functional

from bessemer_server.layers import activations, graphs, initialisers, kinds, windows
from bessemer_server.layers.options import Options


class Conv2dOptions(Options):
    """Two-dimensional convolution: slides learnt filters over an image."""

    model_config = pydantic.ConfigDict(
        json_schema_extra={
            "examples": [
                {"filters": 32, "kernel": 3, "padding": "same", "activation": "relu"},
                {"filters": 8, "kernel": 3, "use_bias": False},
            ]
        }
    )

    filters: Annotated[int, pydantic.Field(ge=1, le=65_536)]
    """Number of filters, the channels of the output, from 1 to 65,536."""
    kernel: windows.Size
    """Size of the filters: one integer, or [height, width]."""
    stride: windows.Size = (1, 1)
    """Step between windows: one integer, or [height, width]."""
    padding: windows.Padding = "valid"
    """valid: windows stay inside the image; same: zeros around it, so that stride 1 keeps its size."""
    activation: activations.Name = "linear"
    """Activation function."""
    use_bias: bool = True
    """Whether a learnt number is added to each channel of the output."""
    initializer: initialisers.Name = "keras"
    """Initial weights, as one of these libraries draws them: keras Glorot uniform with zero bias, torch uniform
    by the number of inputs."""


class Conv2d(nn.Conv2d):
    """A convolution with Keras's padding, and an activation function."""

    def __init__(self, channels: int, options: Conv2dOptions, padding: tuple[int, int, int, int]) -> None:
        left, right, top, bottom = padding
        is_even = (left, top) == (right, bottom)
        super().__init__(
            channels,
            options.filters,
            options.kernel,
            options.stride,
            padding=(top, left) if is_even else 0,
            bias=options.use_bias,
        )
        # The convolution pads both sides alike for free; only an uneven padding takes a step of its own.
        self.uneven_padding = None if is_even else padding
        self.activation = activations.FUNCTIONS[options.activation]
        self.edges = [top, left, bottom, right]
        self.options = options
        self.initializer = options.initializer

    def initialise(self, generator: torch.Generator) -> None:
        """See `initialisers.kernel_`."""
        initialisers.kernel_(self, self.initializer, generator)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        if self.uneven_padding is not None:
            input = functional.pad(input, self.uneven_padding)
        return self.activation(super().forward(input))

    def export(self, graph: graphs.Graph, inputs: graphs.Value) -> graphs.Value:
        """See `graphs.Exportable`."""
        weights = (graph.tensor(name, tensor) for name, tensor in self.named_parameters())
        outputs = graph.add("Conv", inputs, *weights, strides=self.options.stride, pads=self.edges)
        return activations.EXPORTS[self.options.activation](graph, outputs)


def build(options: Conv2dOptions, input_shape: kinds.Shape) -> tuple[nn.Module, kinds.Shape]:
    """(height, width, channels) → (height', width', filters)."""
    sides, padding = windows.slide("kernel", input_shape, options.kernel, options.stride, options.padding)
    return Conv2d(input_shape[2], options, padding), (*sides, options.filters)


def describe(options: Conv2dOptions) -> str:
    """`32 filters 3×3, relu`."""
    words = [f"{options.filters} filters {windows.show(options.kernel)}"]
    if options.stride != (1, 1):
        words.append(f"stride {windows.show(options.stride)}")
    if options.padding == "same":
        words.append("same padding")
    return ", ".join([*words, options.activation])


CONV2D = kinds.Kind("conv2d", Conv2dOptions, build, describe, activation="activation")
