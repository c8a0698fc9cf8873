"""Dropout."""

from __future__ import annotations

from typing import Annotated

import pydantic
import torch
from torch import nn

from bessemer_server.layers import graphs, kinds
from bessemer_server.layers.options import Options


class DropoutOptions(Options):
    """Sets a random share of its inputs to zero while training, and scales the others up to keep the sum."""

    model_config = pydantic.ConfigDict(json_schema_extra={"examples": [{"rate": 0.5}]})

    rate: Annotated[float, pydantic.Field(ge=0, lt=1)]
    """Share that is dropped, from 0 up to but not 1."""


class Dropout(nn.Module):
    """Inverted dropout whose mask is a function of a key, not of a history of draws: a run can resume at any
    step.

    Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self._key = 0

    def reseed(self, key: int) -> None:
        """Set the key of the next mask."""
        self._key = key

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if not self.training or self.rate == 0:
            return inputs
        generator = torch.Generator(inputs.device).manual_seed(self._key)
        kept = torch.empty_like(inputs).bernoulli_(1 - self.rate, generator=generator)
        return inputs * kept.div_(1 - self.rate)

    def export(self, graph: graphs.Graph, inputs: graphs.Value) -> graphs.Value:
        """See `graphs.Exportable`."""
        return inputs


def build(options: DropoutOptions, input_shape: kinds.Shape) -> tuple[nn.Module, kinds.Shape]:
    """Takes every shape, and keeps it."""
    return Dropout(options.rate), input_shape


DROPOUT = kinds.Kind("dropout", DropoutOptions, build, lambda options: f"rate {options.rate:g}")
