"""Larger images."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional

from bessemer_server.layers import graphs, kinds, shapes, windows
from bessemer_server.layers.options import Options


class UpsampleOptions(Options):
    """Makes an image larger by a whole factor."""

    size: windows.Size = (2, 2)
    """Factor: one integer, or [height, width]."""
    interpolation: Literal["nearest", "bilinear"] = "nearest"
    """nearest repeats pixels, bilinear blends neighbours."""


class Upsample(nn.Module):
    """Keras's UpSampling2D: pixels are areas, whose centres lie in between."""

    def __init__(self, size: tuple[int, int], sides: tuple[int, int], interpolation: str) -> None:
        super().__init__()
        self.size = size
        self.sides, self.interpolation = sides, interpolation

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return functional.interpolate(inputs, self.sides, mode=self.interpolation)

    def export(self, graph: graphs.Graph, inputs: graphs.Value) -> graphs.Value:
        """See `graphs.Exportable`."""
        outputs_per_input = graph.constant([1.0, 1.0, *map(float, self.size)])
        return graph.add("Resize", inputs, None, outputs_per_input, **RESIZE[self.interpolation])


RESIZE: dict[str, dict[str, Any]] = {
    "nearest": {
        "mode": "nearest",
        "coordinate_transformation_mode": "asymmetric",
        "nearest_mode": "floor",
    },
    "bilinear": {"mode": "linear", "coordinate_transformation_mode": "pytorch_half_pixel"},
}
"""What ONNX calls `functional.interpolate`."""


def build(options: UpsampleOptions, input_shape: kinds.Shape) -> tuple[nn.Module, kinds.Shape]:
    """(height, width, channels) → (factor · height, factor · width, channels)."""
    shapes.need_image(input_shape)
    sides = input_shape[0] * options.size[0], input_shape[1] * options.size[1]
    return Upsample(options.size, sides, options.interpolation), (*sides, input_shape[2])


def describe(options: UpsampleOptions) -> str:
    """`2×2, nearest`."""
    return f"{windows.show(options.size)}, {options.interpolation}"


UPSAMPLE = kinds.Kind("upsample", UpsampleOptions, build, describe)
