"""From raw inputs to what a network takes: stored as JSON, and the same code in training and prediction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from bessemer_server.data import sources, text
from bessemer_server.domain import plans
from bessemer_server.layers import graphs


def learn(source: sources.Source, train: sources.Samples, info: plans.DatasetInfo) -> dict[str, Any]:
    """Preprocessing for a data set, as JSON; what it learns, it learns from the training split alone.

    `info` is what the network will see: for texts, their length and vocabulary.
    """
    if info.kind == "text":
        words = text.learn(train.inputs.tolist(), info.vocabulary)
        return {"kind": "text", "words": words, "length": info.shape[0]}
    if source.scale is not None:
        return {"kind": "rescale", "scale": source.scale}
    mean = train.inputs.mean(axis=0, dtype=np.float64)
    deviation = train.inputs.std(axis=0, dtype=np.float64)
    # A feature that never varies tells nothing: it becomes 0 rather than a division by zero.
    deviation[deviation == 0] = 1
    return {"kind": "standardize", "mean": mean.tolist(), "deviation": deviation.tolist()}


def encode(samples: sources.Samples, definition: Mapping[str, Any]) -> sources.Samples:
    """What a device can hold: texts as token ids, anything else as it is."""
    if definition["kind"] != "text":
        return samples
    return sources.Samples(text.Encoder(definition)(samples.inputs.tolist()), samples.labels)


class Preprocessor:
    """Raw inputs on a device to float32: (x - mean) / deviation, and images from NHWC to NCHW.

    Images stay channels-last in memory, which convolutions like best; changing the axes is a view. Token ids, which
    `encode` made of texts, pass through.
    """

    _mean: torch.Tensor | None
    _deviation: torch.Tensor | None

    def __init__(self, definition: Mapping[str, Any], device: torch.device) -> None:
        match definition:
            case {"kind": "rescale", "scale": scale}:
                self._mean, self._deviation = None, _tensor(scale, device)
            case {"kind": "standardize", "mean": mean, "deviation": deviation}:
                self._mean, self._deviation = _tensor(mean, device), _tensor(deviation, device)
            case {"kind": "text"}:
                self._mean = self._deviation = None
            case _:
                raise ValueError(
                    f"unknown preprocessing {dict(definition)!r}; known are rescale, standardize, text"
                )

    def __call__(self, raw: torch.Tensor) -> torch.Tensor:
        """[N, H, W, C] → [N, C, H, W], or [N, F] → [N, F], or ids [N, T] → [N, T]."""
        if self._deviation is None:
            return raw
        values = raw.to(torch.float32)
        if self._mean is not None:
            values = values - self._mean
        values = values / self._deviation
        return values.movedim(-1, 1) if values.ndim == 4 else values

    def export(self, graph: graphs.Graph, raw: graphs.Value) -> graphs.Value:
        """The same in ONNX's operators; see `graphs.Exportable`."""
        if self._deviation is None:
            return raw
        values = graph.add("Cast", raw, to=graphs.FLOAT)
        if self._mean is not None:
            values = graph.add("Sub", values, graph.tensor("mean", self._mean))
        return graph.from_last(graph.add("Div", values, graph.tensor("deviation", self._deviation)))


def _tensor(values: Any, device: torch.device) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32, device=device)
