"""Pooling over the whole image: one number per channel."""

from __future__ import annotations

import torch
from torch import nn

from bessemer_server.layers import kinds, shapes
from bessemer_server.layers.options import Options


class GlobalAveragePool2dOptions(Options):
    """Turns an image into the mean of each channel."""


class GlobalMaxPool2dOptions(Options):
    """Turns an image into the largest value of each channel."""


class GlobalAveragePool2d(nn.Module):
    """NCHW → NC, means."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.mean(dim=(2, 3))


class GlobalMaxPool2d(nn.Module):
    """NCHW → NC, maxima."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.amax(dim=(2, 3))


def build_average(
    options: GlobalAveragePool2dOptions, input_shape: kinds.Shape
) -> tuple[nn.Module, kinds.Shape]:
    """(height, width, channels) → (channels,)."""
    shapes.need_image(input_shape)
    return GlobalAveragePool2d(), input_shape[2:]


def build_max(options: GlobalMaxPool2dOptions, input_shape: kinds.Shape) -> tuple[nn.Module, kinds.Shape]:
    """(height, width, channels) → (channels,)."""
    shapes.need_image(input_shape)
    return GlobalMaxPool2d(), input_shape[2:]


GLOBAL_AVERAGE_POOL2D = kinds.Kind("global_average_pool2d", GlobalAveragePool2dOptions, build_average)
GLOBAL_MAX_POOL2D = kinds.Kind("global_max_pool2d", GlobalMaxPool2dOptions, build_max)
