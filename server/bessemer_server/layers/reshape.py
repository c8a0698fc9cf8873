"""The same numbers in another shape."""

from __future__ import annotations

import math
from typing import Annotated

import pydantic
import torch
from torch import nn

from bessemer_server.layers import graphs, kinds, shapes, windows
from bessemer_server.layers.options import Options

Side = Annotated[int, pydantic.Field(ge=-1)]


class ReshapeOptions(Options):
    """Gives its input another shape, in row-major order: (features,), (length, features) or (height, width,
    channels)."""

    model_config = pydantic.ConfigDict(json_schema_extra={"examples": [{"shape": [2, -1]}]})

    shape: Annotated[list[Side], pydantic.Field(min_length=1, max_length=3)]
    """The shape, of 1 to 3 sides. One of them may be -1: as many as are left."""

    @pydantic.field_validator("shape")
    @classmethod
    def _at_most_one_is_open(cls, shape: list[int]) -> list[int]:
        if 0 in shape or shape.count(-1) > 1:
            raise ValueError(f"must be positive integers, one of them -1 at most, but is {shape}")
        return shape


class Reshape(nn.Module):
    """Images go in and come out as NCHW; the order of the values is that of NHWC, as in Keras."""

    def __init__(self, shape: kinds.Shape) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return shapes.from_last(shapes.to_last(inputs).reshape(len(inputs), *self.shape))

    def export(self, graph: graphs.Graph, inputs: graphs.Value) -> graphs.Value:
        """See `graphs.Exportable`."""
        shape = graph.constant((0, *self.shape))  # 0: as many as there were
        return graph.from_last(graph.add("Reshape", graph.to_last(inputs), shape, rank=1 + len(self.shape)))


def build(options: ReshapeOptions, input_shape: kinds.Shape) -> tuple[nn.Module, kinds.Shape]:
    """Any shape → the shape of the options."""
    values, known = math.prod(input_shape), math.prod(side for side in options.shape if side != -1)
    if values % known or (-1 not in options.shape and values != known):
        raise kinds.LayerError(
            f"{values:,} values do not fill the shape {tuple(options.shape)}, which takes "
            + (f"a multiple of {known:,}" if -1 in options.shape else f"{known:,}")
        )
    shape = tuple(values // known if side == -1 else side for side in options.shape)
    return Reshape(shape), shape


RESHAPE = kinds.Kind("reshape", ReshapeOptions, build, lambda options: windows.show(options.shape))
