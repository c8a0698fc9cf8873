"""How a network must end for a loss."""

from __future__ import annotations

from typing import Any

from bessemer_server.architectures import kinds as architectures
from bessemer_server.domain import plans
from bessemer_server.layers import networks
from bessemer_server.training.objectives import kinds

ONE_UNIT = "binary_cross_entropy"


def find_fault(name: str, network: networks.Network | None, info: plans.DatasetInfo) -> str | None:
    """What keeps a loss from being used, as a sentence; None when nothing does, or the network is not known."""
    loss = kinds.REGISTRY.get(name)
    classes = len(info.labels)
    if loss.classes not in (None, classes):
        return (
            f"{name} is for {loss.classes} classes, but {info.name} has {classes}; use {kinds.DEFAULT}, "
            "or leave it out"
        )
    if network is not None and network.output_shapes[-1] == (1,) and not loss.takes_one_unit:
        fitting = " or ".join(each.name for each in kinds.REGISTRY if each.takes_one_unit)
        return (
            f"{name} compares one score per class, but the last layer gives 1 output; use {fitting}, or end with "
            f"{classes} outputs and softmax"
        )
    return None


def wants_one_unit(name: str, architecture: architectures.Architecture[Any], info: plans.DatasetInfo) -> bool:
    """Whether the network of an architecture shall end in one sigmoid unit: users end their own lists themselves."""
    is_ours = architecture.list_option is None and architecture.adversary is None
    return name == ONE_UNIT and is_ours and len(info.labels) == 2


def with_one_unit(layers: list[Any]) -> list[Any]:
    """The layer list of an architecture with its softmax over two classes as one sigmoid unit."""
    *first, last = layers
    ((kind, options),) = last.items()
    return [*first, {kind: {**options, "units": 1, "activation": "sigmoid"}}]
