"""Between the pixels of a data set and the values from -1 to 1 that a generator gives (tanh)."""

from __future__ import annotations

import torch

from bessemer_server.layers import graphs


def to_signed(preprocessed: torch.Tensor) -> torch.Tensor:
    """[0, 1] → [-1, 1]."""
    return preprocessed * 2 - 1


def to_pixels(signed: torch.Tensor, scale: float) -> torch.Tensor:
    """[-1, 1] NCHW → uint8 NHWC from 0 to `scale`, the value of white in the data set."""
    pixels = ((signed + 1) * (scale / 2)).round().clamp(0, scale)
    return pixels.to(torch.uint8).movedim(1, -1).contiguous()


def export(graph: graphs.Graph, signed: graphs.Value, scale: float) -> graphs.Value:
    """`to_pixels` in ONNX's operators; see `graphs.Exportable`."""
    from_zero = graph.add("Add", signed, graph.constant(1.0))
    rounded = graph.add("Round", graph.add("Mul", from_zero, graph.constant(scale / 2)))
    clamped = graph.add("Clip", rounded, graph.constant(0.0), graph.constant(float(scale)))
    return graph.to_last(graph.add("Cast", clamped, to=graphs.UINT8))
