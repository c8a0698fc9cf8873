"""Pooling over a whole image or sequence: one number per channel or feature."""

from __future__ import annotations

import torch
from torch import nn

from bessemer_server.layers import graphs, kinds, shapes
from bessemer_server.layers.options import Options


class GlobalAveragePool2dOptions(Options):
    """Turns an image into the mean of each channel."""


class GlobalMaxPool2dOptions(Options):
    """Turns an image into the largest value of each channel."""


class GlobalAveragePool1dOptions(Options):
    """Turns a sequence into the mean of each feature; padding counts as steps like others."""


class GlobalMaxPool1dOptions(Options):
    """Turns a sequence into the largest value of each feature; padding counts as steps like others."""


class GlobalAverage(nn.Module):
    """Means over these axes."""

    def __init__(self, axes: tuple[int, ...]) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.mean(dim=self.axes)

    def export(self, graph: graphs.Graph, inputs: graphs.Value) -> graphs.Value:
        """See `graphs.Exportable`."""
        return graph.add("ReduceMean", inputs, graph.constant(self.axes), rank=2, keepdims=0)


class GlobalMax(nn.Module):
    """Maxima over these axes."""

    def __init__(self, axes: tuple[int, ...]) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.amax(dim=self.axes)

    def export(self, graph: graphs.Graph, inputs: graphs.Value) -> graphs.Value:
        """See `graphs.Exportable`."""
        return graph.add("ReduceMax", inputs, graph.constant(self.axes), rank=2, keepdims=0)


IMAGE, SEQUENCE = (2, 3), (1,)
"""What is pooled of NCHW, and of [N, length, features]."""


def build_average_2d(options: Options, input_shape: kinds.Shape) -> tuple[nn.Module, kinds.Shape]:
    """(height, width, channels) → (channels,)."""
    shapes.need_image(input_shape)
    return GlobalAverage(IMAGE), input_shape[2:]


def build_max_2d(options: Options, input_shape: kinds.Shape) -> tuple[nn.Module, kinds.Shape]:
    """(height, width, channels) → (channels,)."""
    shapes.need_image(input_shape)
    return GlobalMax(IMAGE), input_shape[2:]


def build_average_1d(options: Options, input_shape: kinds.Shape) -> tuple[nn.Module, kinds.Shape]:
    """(length, features) → (features,)."""
    shapes.need_sequence(input_shape)
    return GlobalAverage(SEQUENCE), input_shape[1:]


def build_max_1d(options: Options, input_shape: kinds.Shape) -> tuple[nn.Module, kinds.Shape]:
    """(length, features) → (features,)."""
    shapes.need_sequence(input_shape)
    return GlobalMax(SEQUENCE), input_shape[1:]


GLOBAL_AVERAGE_POOL2D = kinds.Kind("global_average_pool2d", GlobalAveragePool2dOptions, build_average_2d)
GLOBAL_MAX_POOL2D = kinds.Kind("global_max_pool2d", GlobalMaxPool2dOptions, build_max_2d)
GLOBAL_AVERAGE_POOL1D = kinds.Kind("global_average_pool1d", GlobalAveragePool1dOptions, build_average_1d)
GLOBAL_MAX_POOL1D = kinds.Kind("global_max_pool1d", GlobalMaxPool1dOptions, build_max_1d)
