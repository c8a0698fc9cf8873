"""Pretrained weights for the backbones of a network: read, and checked tensor by tensor."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch

from bessemer_server.data import sources, weights
from bessemer_server.layers import backbone, networks, trunks

SHOWN = 3
"""Tensors that a message names."""
OLD_DENSENET = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)$")
"""torchvision's published densenets have `norm.1` where its network has `norm1`."""


def load(network: networks.Network, folders: sources.Folders) -> None:
    """Give each backbone the weights that it names. Raises `sources.InvalidData`."""
    for layer in network:
        if isinstance(layer, backbone.Backbone) and layer.options.weights != backbone.RANDOM:
            path = _find(layer.options, folders)
            layer.pretrained = fit(weights.read(path), layer.trunk.state_dict(), path, layer.options.name)


def fit(
    found: Mapping[str, torch.Tensor], needed: Mapping[str, torch.Tensor], path: Path, name: str
) -> dict[str, torch.Tensor]:
    """The tensors of `found` that the trunk `name` needs; the head is left out. Raises `sources.InvalidData`."""
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
            f"the weights in {path} do not fit {name}: {'; '.join(faults[:SHOWN])}{more}",
            f"use a file with torchvision's state_dict of {name}, or the backbone that the file was made for",
        )
    return {key: found[key].to(tensor.dtype) for key, tensor in needed.items()}


def _find(options: backbone.BackboneOptions, folders: sources.Folders) -> Path:
    if options.weights == backbone.DEFAULT:
        return weights.fetch(trunks.address(options.name), folders)
    return weights.find(options.weights, folders)
