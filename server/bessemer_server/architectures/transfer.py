"""Transfer learning: a head on a network that has learnt to see."""

from __future__ import annotations

from typing import Annotated, Any

import pydantic

from bessemer_server.architectures import kinds
from bessemer_server.domain import plans
from bessemer_server.layers import backbone as backbones
from bessemer_server.layers.options import Options

EXAMPLE: dict[str, Any] = {"backbone": "squeezenet1_1", "weights": "random", "units": 8}


class TransferOptions(Options):
    """Options of `transfer`."""

    model_config = pydantic.ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    backbone: backbones.Name = "resnet50"
    """Name of a classification network of torchvision; or model:NAME or model:NAME@VERSION, a model trained here."""
    weights: backbones.Weights = backbones.DEFAULT
    """default: torchvision's own, trained on ImageNet, downloaded when needed, or those of the model; random; or the
    name of a file in the folder `weights` of the server's data set folder."""
    units: Annotated[int, pydantic.Field(ge=1, le=65_536)] = 256
    """Units of the dense layer, from 1 to 65,536."""
    unfreeze_last: backbones.UnfreezeLast = 0
    """How many of the last blocks of the backbone are trained too, from 0 to 100."""
    dropout: Annotated[float, pydantic.Field(ge=0, lt=1)] = 0.0
    """Share of the dense layer's outputs that is dropped while training, from 0 up to but not 1."""


def layers(options: TransferOptions, info: plans.DatasetInfo) -> kinds.LayerList:
    """A frozen network that has learnt to see, average pooling, and two dense layers that learn the classes.

    Source: Keras's guide to transfer learning; with ResNet50 and 10 classes 527,114 trainable parameters.
    """
    trunk = {
        "name": options.backbone,
        "weights": options.weights,
        "unfreeze_last": options.unfreeze_last,
        "pooling": "average",
    }
    return [
        {"backbone": trunk},
        {"dense": {"units": options.units, "activation": "relu"}},
        *([{"dropout": {"rate": options.dropout}}] if options.dropout else []),
        {"dense": {"units": len(info.labels), "activation": "softmax"}},
    ]


TRANSFER = kinds.Architecture("transfer", TransferOptions, layers, takes=frozenset({"image"}))
