"""From token ids to vectors."""

from __future__ import annotations

from typing import Annotated

import pydantic
import torch
from torch import nn

from bessemer_server.layers import graphs, initialisers, kinds
from bessemer_server.layers.options import Options

LIMIT = 0.05
"""Keras draws embeddings uniformly from ±0.05."""


class EmbeddingOptions(Options):
    """Looks up a learnt vector for each token of a text."""

    model_config = pydantic.ConfigDict(json_schema_extra={"examples": [{"vocabulary": 10_000, "units": 100}]})

    vocabulary: Annotated[int, pydantic.Field(ge=2, le=10_000_000)]
    """Token ids that there are, padding and unknown included, from 2 to 10,000,000."""
    units: Annotated[int, pydantic.Field(ge=1, le=65_536)]
    """Length of each vector, from 1 to 65,536."""
    initializer: initialisers.Name = "keras"
    """Initial weights, as one of these libraries draws them: keras uniform in ±0.05, torch normal."""


class Embedding(nn.Module):
    """Ids [N, L] of int64 → vectors [N, L, units]. Padding has a vector like any other token, as in Keras by
    default."""

    def __init__(self, options: EmbeddingOptions) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(options.vocabulary, options.units))
        self.initializer = options.initializer

    def initialise(self, generator: torch.Generator) -> None:
        """Uniform in ±0.05, or standard normal."""
        if self.initializer == "keras":
            nn.init.uniform_(self.weight, -LIMIT, LIMIT, generator=generator)
        else:
            nn.init.normal_(self.weight, generator=generator)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return nn.functional.embedding(ids, self.weight)

    def export(self, graph: graphs.Graph, inputs: graphs.Value) -> graphs.Value:
        """See `graphs.Exportable`."""
        return graph.add("Gather", graph.tensor("weight", self.weight), inputs, rank=inputs.rank + 1)


def build(options: EmbeddingOptions, input_shape: kinds.Shape) -> tuple[nn.Module, kinds.Shape]:
    """(length,) → (length, units)."""
    if len(input_shape) != 1:
        raise kinds.LayerError("it needs the token ids of a text, of shape (length,)")
    return Embedding(options), (*input_shape, options.units)


def describe(options: EmbeddingOptions) -> str:
    """`10,000 tokens, 100 units`."""
    return f"{options.vocabulary:,} tokens, {options.units} units"


EMBEDDING = kinds.Kind("embedding", EmbeddingOptions, build, describe)
