"""Trunks that were trained here: the layers of a published model up to its last feature map, without its head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from bessemer_server.domain import bases
from bessemer_server.layers import kinds, lists, networks
from bessemer_server.layers.options import Options


class TrainedTrunk(Options):
    """A trunk as data, so that what is built on it stands by itself."""

    layers: list[Any]
    """Its layer list; empty for a model without a feature map."""
    input_shape: list[int]
    """(height, width, channels) of the images that it learnt from."""


def fill(entries: Sequence[Any], known: Mapping[str, bases.Base]) -> list[Any]:
    """The layer list with its trunk in each backbone that names one of the `known` models."""
    return [_fill_entry(entry, known) for entry in entries]


def build(trunk: TrainedTrunk, size: Sequence[int]) -> networks.Network:
    """The trunk on the meta device, for images of (height, width). Raises `kinds.LayerError`."""
    try:
        return networks.build(lists.parse(trunk.layers, "layers"), (*size, trunk.input_shape[2]))
    except networks.ImpossibleLayer as error:
        raise kinds.LayerError(f"images of {size[0]}×{size[1]} pixels do not suit it: {error}") from error


def random_weights(
    trunk: TrainedTrunk, size: Sequence[int], draw: torch.Generator
) -> dict[str, torch.Tensor]:
    """Tensors as each layer initialises them."""
    seeds = torch.randint(2**62, (len(trunk.layers),), generator=draw).tolist()
    network = networks.initialise(build(trunk, size), lambda i: torch.Generator().manual_seed(seeds[i]))
    return dict(network.state_dict())


def _fill_entry(entry: Any, known: Mapping[str, bases.Base]) -> Any:
    match entry:
        case {"backbone": {"name": str(name)} as options} if name in known:
            return {"backbone": {**options, "trunk": _cut(known[name]).model_dump()}}
    return entry


def _cut(base: bases.Base) -> TrainedTrunk:
    layers = lists.parse(base.layers, "layers")
    network = networks.build(layers, base.input_shape)
    shapes = zip(layers, network.output_shapes, strict=True)
    ends = [index for index, (layer, shape) in enumerate(shapes) if _gives_map(layer, shape)]
    kept = layers[: ends[-1] + 1] if ends else ()
    return TrainedTrunk(
        layers=[_without_pooling(e) for e in lists.to_json(kept)], input_shape=[*base.input_shape]
    )


def _gives_map(layer: lists.Layer, shape: kinds.Shape) -> bool:
    return len(shape) == 3 or layer.kind.name == "backbone"


def _without_pooling(entry: dict[str, Any]) -> dict[str, Any]:
    return {"backbone": {**entry["backbone"], "pooling": "none"}} if "backbone" in entry else entry
