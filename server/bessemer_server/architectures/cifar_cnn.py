"""The convolutional network for CIFAR-10."""

from __future__ import annotations

from typing import Annotated, Any

import pydantic

from bessemer_server.architectures import kinds
from bessemer_server.domain import plans
from bessemer_server.layers import activations
from bessemer_server.layers.options import Options

SHRINKS_FROM = 10
"""Smallest side that two blocks, each an unpadded 3×3 convolution with a 2×2 pooling, leave a pixel of: 10 → 8
→ 4 → 2 → 1."""
Rate = Annotated[float, pydantic.Field(ge=0, lt=1)]


class CifarCnnOptions(Options):
    """Options of `cifar_cnn`; by default the network of the Keras example."""

    filters: Annotated[
        list[Annotated[int, pydantic.Field(ge=1, le=4_096)]], pydantic.Field(min_length=2, max_length=2)
    ] = [32, 64]
    """Filters of the convolutions of the first and of the second block, each from 1 to 4,096."""
    units: Annotated[int, pydantic.Field(ge=1, le=65_536)] = 512
    """Units of the dense layer, from 1 to 65,536."""
    activation: activations.Name = "relu"
    """Activation function of the convolutions and the dense layer."""
    block_dropout: Rate = 0.25
    """Share of each block's outputs that is dropped while training, from 0 up to but not 1."""
    dropout: Rate = 0.5
    """Share of the dense layer's outputs that is dropped while training, from 0 up to but not 1."""


def layers(options: CifarCnnOptions, info: plans.DatasetInfo) -> kinds.LayerList:
    """Two blocks of two 3×3 convolutions, a 2×2 max pooling and dropout, then a dense layer with dropout: for
    small colour images.

    Source: Keras's CIFAR-10 example (1,250,858 parameters on 32×32×3 with 10 classes). An image with a side
    below 10 pixels, of which that would leave nothing, is not made smaller: all convolutions keep height and
    width (padding "same"), the first pooling is left out, and the second moves by 1 pixel.
    """
    is_small = min(info.shape[:2]) < SHRINKS_FROM
    first, second = options.filters
    return [
        *_block(options, first, is_small, pooling=None if is_small else {"size": 2}),
        *_block(options, second, is_small, pooling={"size": 2, "stride": 1} if is_small else {"size": 2}),
        "flatten",
        {"dense": {"units": options.units, "activation": options.activation}},
        {"dropout": {"rate": options.dropout}},
        {"dense": {"units": len(info.labels), "activation": "softmax"}},
    ]


def _block(
    options: CifarCnnOptions, filters: int, is_small: bool, pooling: dict[str, Any] | None
) -> kinds.LayerList:
    convolution = {"filters": filters, "kernel": 3, "activation": options.activation}
    return [
        {"conv2d": {**convolution, "padding": "same"}},
        {"conv2d": {**convolution, "padding": "same" if is_small else "valid"}},
        *([{"max_pool2d": pooling}] if pooling else []),
        {"dropout": {"rate": options.block_dropout}},
    ]


CIFAR_CNN = kinds.Architecture("cifar_cnn", CifarCnnOptions, layers, takes=frozenset({"image"}))
