"""From images and sequences to tables."""

from __future__ import annotations

import math

import torch
from torch import nn

from bessemer_server.layers import graphs, kinds, shapes
from bessemer_server.layers.options import Options


class FlattenOptions(Options):
    """Turns an image or a sequence into one row of features."""


class Flatten(nn.Module):
    """NCHW or NLF → NF; the features of an image in the order height, width, channel, as in Keras."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        # Images lie channels-last in memory, so that this is a view and costs nothing.
        return shapes.to_last(inputs).flatten(1)

    def export(self, graph: graphs.Graph, inputs: graphs.Value) -> graphs.Value:
        """See `graphs.Exportable`."""
        return graph.add("Flatten", graph.to_last(inputs), rank=2)


def build(options: FlattenOptions, input_shape: kinds.Shape) -> tuple[nn.Module, kinds.Shape]:
    """(height, width, channels) → (height · width · channels,), (length, features) → (length · features,); a
    flat input stays as it is."""
    return Flatten(), (math.prod(input_shape),)


FLATTEN = kinds.Kind("flatten", FlattenOptions, build)
