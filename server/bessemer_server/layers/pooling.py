"""Pooling: the largest or the mean of each window."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from bessemer_server.layers import graphs, kinds, windows
from bessemer_server.layers.options import Options


class MaxPool2dOptions(Options):
    """Keeps the largest value of each window of an image."""

    size: windows.Size = (2, 2)
    """Size of the window: one integer, or [height, width]."""
    stride: windows.Size | None = None
    """Step between windows: one integer, or [height, width]; by default the size: no overlap."""
    padding: windows.Padding = "valid"
    """valid: windows stay inside the image; same: windows may reach over its edge."""


class AveragePool2dOptions(MaxPool2dOptions):
    """Keeps the mean of each window of an image."""


class MaxPool2d(nn.MaxPool2d):
    """Max pooling with Keras's padding."""

    def __init__(self, size: windows.Size, stride: windows.Size, padding: tuple[int, int, int, int]) -> None:
        super().__init__(size, stride)
        self.size = size
        self.edge = padding if any(padding) else None

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        if self.edge is not None:
            input = functional.pad(input, self.edge, value=-math.inf)
        return functional.max_pool2d(input, self.kernel_size, self.stride)

    def export(self, graph: graphs.Graph, inputs: graphs.Value) -> graphs.Value:
        """See `graphs.Exportable`; its padding is less than any number too."""
        return graph.add("MaxPool", inputs, **_attributes(self.size, self.stride, self.edge))


class AveragePool2d(nn.Module):
    """Average pooling with Keras's padding, of which no pixel counts in a mean."""

    def __init__(self, size: windows.Size, stride: windows.Size, padding: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.size, self.stride = size, stride
        self.edge = padding if any(padding) else None

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.edge is None:
            return functional.avg_pool2d(inputs, self.size, self.stride)
        inside = functional.pad(torch.ones_like(inputs[:1, :1]), self.edge)
        means = functional.avg_pool2d(functional.pad(inputs, self.edge), self.size, self.stride)
        return means / functional.avg_pool2d(inside, self.size, self.stride)

    def export(self, graph: graphs.Graph, inputs: graphs.Value) -> graphs.Value:
        """See `graphs.Exportable`."""
        attributes = _attributes(self.size, self.stride, self.edge)
        return graph.add("AveragePool", inputs, **attributes, count_include_pad=0)


def _attributes(size: Any, stride: Any, edge: tuple[int, int, int, int] | None) -> dict[str, Any]:
    left, right, top, bottom = edge or (0, 0, 0, 0)
    return {"kernel_shape": size, "strides": stride, "pads": [top, left, bottom, right]}


def build_max(options: MaxPool2dOptions, input_shape: kinds.Shape) -> tuple[nn.Module, kinds.Shape]:
    """(height, width, channels) → (height', width', channels)."""
    return _build(MaxPool2d, options, input_shape)


def build_average(options: AveragePool2dOptions, input_shape: kinds.Shape) -> tuple[nn.Module, kinds.Shape]:
    """(height, width, channels) → (height', width', channels)."""
    return _build(AveragePool2d, options, input_shape)


def _build(
    module: type[MaxPool2d | AveragePool2d], options: MaxPool2dOptions, input_shape: kinds.Shape
) -> tuple[nn.Module, kinds.Shape]:
    stride = options.stride or options.size
    sides, padding = windows.slide("window", input_shape, options.size, stride, options.padding)
    return module(options.size, stride, padding), (*sides, input_shape[2])


def describe(options: MaxPool2dOptions) -> str:
    """`2×2`."""
    words = [windows.show(options.size)]
    if options.stride not in (None, options.size):
        words.append(f"stride {windows.show(options.stride)}")
    if options.padding == "same":
        words.append("same padding")
    return ", ".join(words)


MAX_POOL2D = kinds.Kind("max_pool2d", MaxPool2dOptions, build_max, describe)
AVERAGE_POOL2D = kinds.Kind("average_pool2d", AveragePool2dOptions, build_average, describe)
