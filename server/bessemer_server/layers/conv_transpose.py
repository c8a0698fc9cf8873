"""Transposed convolutions."""

from __future__ import annotations

import pydantic
import torch
from torch import nn

from bessemer_server.layers import activations, conv, graphs, initialisers, kinds, shapes, windows


class Conv2dTransposeOptions(conv.Conv2dOptions):
    """Transposed convolution, the gradient of a convolution: makes an image `stride` times as large."""

    model_config = pydantic.ConfigDict(
        json_schema_extra={"examples": [{"filters": 8, "kernel": 3, "stride": 2, "padding": "same"}]}
    )

    padding: windows.Padding = "valid"
    """valid: stride times the size and what the filters reach beyond; same: exactly stride times the size."""


class Conv2dTranspose(nn.ConvTranspose2d):
    """A transposed convolution with Keras's sizes, and an activation function."""

    def __init__(self, channels: int, options: Conv2dTransposeOptions, sides: tuple[int, int]) -> None:
        beyond = [max(k - s, 0) if options.padding == "same" else 0 for k, s in _pairs(options)]
        gaps = [max(s - k, 0) for k, s in _pairs(options)]
        super().__init__(
            channels,
            options.filters,
            options.kernel,
            options.stride,
            padding=(beyond[0] // 2, beyond[1] // 2),
            output_padding=(gaps[0], gaps[1]),
            bias=options.use_bias,
        )
        self.sides = sides
        self.options = options
        self.activation = activations.FUNCTIONS[options.activation]
        self.initializer = options.initializer

    def initialise(self, generator: torch.Generator) -> None:
        """See `initialisers.kernel_`."""
        initialisers.kernel_(self, self.initializer, generator)

    def forward(self, input: torch.Tensor, output_size: list[int] | None = None) -> torch.Tensor:
        # An odd padding is cut here: torch pads both sides alike, Keras the later one by one pixel more.
        height, width = self.sides
        return self.activation(super().forward(input, output_size)[:, :, :height, :width])

    def export(self, graph: graphs.Graph, inputs: graphs.Value) -> graphs.Value:
        """See `graphs.Exportable`."""
        weights = (graph.tensor(name, tensor) for name, tensor in self.named_parameters())
        outputs = graph.add(
            "ConvTranspose",
            inputs,
            *weights,
            strides=self.stride,
            pads=[*self.padding, *self.padding],
            output_padding=self.output_padding,
        )
        start, end, axes = (graph.constant(v) for v in ((0, 0), self.sides, (2, 3)))
        outputs = graph.add("Slice", outputs, start, end, axes)
        return activations.EXPORTS[self.options.activation](graph, outputs)


def build(options: Conv2dTransposeOptions, input_shape: kinds.Shape) -> tuple[nn.Module, kinds.Shape]:
    """(height, width, channels) → (height', width', filters)."""
    shapes.need_image(input_shape)
    height, width = (
        side * stride + (max(kernel - stride, 0) if options.padding == "valid" else 0)
        for side, (kernel, stride) in zip(input_shape[:2], _pairs(options), strict=True)
    )
    module = Conv2dTranspose(input_shape[2], options, (height, width))
    return module, (height, width, options.filters)


def _pairs(options: Conv2dTransposeOptions) -> list[tuple[int, int]]:
    """(kernel, stride) of the height and of the width."""
    return list(zip(options.kernel, options.stride, strict=True))


CONV2D_TRANSPOSE = kinds.Kind(
    "conv2d_transpose", Conv2dTransposeOptions, build, conv.describe, activation="activation"
)
