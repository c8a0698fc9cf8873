"""Multilayer perceptron."""

from __future__ import annotations

from typing import Annotated

import pydantic

from bessemer_server.architectures import kinds
from bessemer_server.domain import plans
from bessemer_server.layers import activations
from bessemer_server.layers.options import Options

Units = Annotated[int, pydantic.Field(ge=1, le=65_536)]


class MlpOptions(Options):
    """Options of `mlp`."""

    hidden: Annotated[list[Units], pydantic.Field(max_length=64)] = [128]
    """Units of each hidden layer, each from 1 to 65,536; an empty list gives a linear classifier."""
    activation: activations.Name = "relu"
    """Activation function of the hidden layers."""
    dropout: Annotated[float, pydantic.Field(ge=0, lt=1)] = 0.0
    """Share of each hidden layer's outputs that is dropped while training, from 0 up to but not 1."""


def layers(options: MlpOptions, info: plans.DatasetInfo) -> kinds.LayerList:
    """Fully connected layers, for tables and images: the network of forward and back propagation.

    Source: Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", 1986.
    """
    found: kinds.LayerList = ["flatten"] if info.kind == "image" else []
    for units in options.hidden:
        found.append({"dense": {"units": units, "activation": options.activation}})
        if options.dropout:
            found.append({"dropout": {"rate": options.dropout}})
    return [*found, {"dense": {"units": len(info.labels), "activation": "softmax"}}]


MLP = kinds.Architecture("mlp", MlpOptions, layers)
