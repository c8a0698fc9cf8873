"""The user's own layer list."""

from __future__ import annotations

from typing import Annotated, Any

import pydantic

from bessemer_server.architectures import kinds
from bessemer_server.domain import plans
from bessemer_server.layers.options import Options

EXAMPLE: dict[str, Any] = {
    "layers": [
        {"conv2d": {"filters": 16, "kernel": 3, "activation": "relu"}},
        {"max_pool2d": {"size": 2}},
        "flatten",
        {"dropout": {"rate": 0.25}},
        {"dense": {"units": 10, "activation": "softmax"}},
    ]
}


class SequentialOptions(Options):
    """Options of `sequential`."""

    model_config = pydantic.ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    layers: Annotated[list[Any], pydantic.Field(min_length=1, max_length=1_000)]
    """The layers in order, from 1 to 1,000: each the name of a layer, or one such name with its options. The
    last one has as many outputs as the data set has classes, with activation softmax or linear."""


def layers(options: SequentialOptions, info: plans.DatasetInfo) -> kinds.LayerList:
    """Any list of supported layers, one after the other, as in Keras's Sequential."""
    return options.layers


SEQUENTIAL = kinds.Architecture(
    "sequential", SequentialOptions, layers, frozenset({"image", "table", "text"}), "layers"
)
