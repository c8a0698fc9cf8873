"""Pretrained weights for the backbones of a network: read, and checked tensor by tensor."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch

from bessemer_server.data import sources, weights
from bessemer_server.domain import bases
from bessemer_server.layers import backbone, networks, trunks
from bessemer_server.training import snapshots
from bessemer_server.training.contract import Environment

SHOWN = 3
"""Tensors that a message names."""
OLD_DENSENET = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)$")
"""torchvision's published densenets have `norm.1` where its network has `norm1`."""


def load(network: networks.Network, environment: Environment) -> None:
    """Give each backbone the weights that it names. Raises `sources.InvalidData`."""
    for layer in network:
        if isinstance(layer, backbone.Backbone) and layer.options.weights != backbone.RANDOM:
            found, origin = _read(layer, environment)
            layer.pretrained = fit(found, layer.trunk.state_dict(), origin, layer.options.name)


def fit(
    found: Mapping[str, torch.Tensor], needed: Mapping[str, torch.Tensor], origin: str, name: str
) -> dict[str, torch.Tensor]:
    """The tensors of `found` that the trunk `name` needs; the head is left out. Raises `sources.InvalidData`, which
    names the origin.
    """
    found = {OLD_DENSENET.sub(r"\1\2", key): tensor for key, tensor in found.items()}
    # Counts of batches, which inference does not use, are not in every file.
    found = {
        key: torch.zeros((), dtype=torch.int64) for key in needed if key.endswith("num_batches_tracked")
    } | found
    faults = [
        f"{key} is missing" if key not in found
        else f"{key} has shape {list(found[key].shape)} instead of {list(tensor.shape)}"
        for key, tensor in needed.items()
        if key not in found or found[key].shape != tensor.shape
    ]  # fmt: skip
    if faults:
        more = f", and {len(faults) - SHOWN:,} more" if len(faults) > SHOWN else ""
        raise sources.InvalidData(
            f"the weights of {origin} do not fit {name}: {'; '.join(faults[:SHOWN])}{more}",
            f"use a file with torchvision's state_dict of {name}, or the backbone that the file was made for",
        )
    return {key: found[key].to(tensor.dtype) for key, tensor in needed.items()}


def _read(layer: backbone.Backbone, environment: Environment) -> tuple[Mapping[str, torch.Tensor], str]:
    """Tensors by name, and where they come from."""
    name, wanted = layer.options.name, layer.options.weights
    if wanted == backbone.DEFAULT and name in environment.bases:
        return _read_model(environment.bases[name], layer.trunk.state_dict(), environment), name
    folders = environment.folders
    is_default = wanted == backbone.DEFAULT
    path = weights.fetch(trunks.address(name), folders) if is_default else weights.find(wanted, folders)
    return weights.read(path), str(path)


def _read_model(
    base: bases.Base, needed: Mapping[str, torch.Tensor], environment: Environment
) -> dict[str, torch.Tensor]:
    assert environment.read is not None
    arrays = {entry.name: environment.read(entry) for entry in base.tensors if entry.name in needed}
    return snapshots.to_tensors(arrays)
