"""A data set of texts and a layer for it, as another package could bring them by entry points."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import pydantic
import torch
from torch import nn

from bessemer_server.data import sources
from bessemer_server.domain import plans
from bessemer_server.layers import kinds
from bessemer_server.layers.options import Options

PRAISE = ("great", "wonderful", "brilliant", "loved", "moving")
BLAME = ("awful", "boring", "terrible", "hated", "dull")
FILLERS = (
    "the film",
    "this movie,",
    "the actors<br /><br />and",
    "the plot",
    "I saw it twice and",
    "The End:",
)
ENTRY_POINTS = """\
[bessemer.data]
tiny_texts = tests.tiny_texts:TINY

[bessemer.layers]
bag = tests.tiny_texts:BAG
"""


def read(folders: sources.Folders) -> tuple[sources.Samples, sources.Samples]:
    """60 training and 20 test samples: label 1 praises."""
    draw = np.random.default_rng(0)
    inputs = np.empty(80, dtype=object)
    labels = np.arange(80) % 2
    for index, label in enumerate(labels):
        words = draw.choice(PRAISE if label else BLAME, 2)
        inputs[index] = f"{draw.choice(FILLERS)} {words[0].upper()} {draw.choice(FILLERS)} {words[1]}!"
    return sources.Samples(inputs[:60], labels[:60]), sources.Samples(inputs[60:], labels[60:])


TINY = sources.Source(
    plans.DatasetInfo("tiny_texts", "Praise and blame.", "text", (), ("blame", "praise"), 60, 20, True), read
)


class BagOptions(Options):
    """Mean of a learnt vector for each word."""

    vocabulary: Annotated[int, pydantic.Field(ge=2)]
    """Token ids."""
    units: Annotated[int, pydantic.Field(ge=1)]
    """Length of each vector."""


class Bag(nn.Embedding):
    """Token ids [N, T] to means [N, units]."""

    def initialise(self, generator: torch.Generator) -> None:
        nn.init.uniform_(self.weight, -0.05, 0.05, generator=generator)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return super().forward(ids).mean(dim=1)


BAG = kinds.Kind(
    "bag", BagOptions, lambda options, _: (Bag(options.vocabulary, options.units), (options.units,))
)
SPEC: dict[str, Any] = {
    "architecture": "sequential",
    "dataset": "tiny_texts",
    "epochs": 30,
    "batch_size": 8,
    "optimizer": {"kind": "adam", "learning_rate": 0.05},
    "options": {
        "layers": [{"bag": {"vocabulary": 40, "units": 4}}, {"dense": {"units": 2, "activation": "softmax"}}]
    },
    "text": {"vocabulary": 40, "length": 12},
}
