"""Untrained models of any layer list, as they are published."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from bessemer_server.layers import lists, networks

LABELS = ["no", "yes"]
Published = tuple[dict[str, Any], dict[str, Any]]


def publish(layers: list[Any], shape: tuple[int, ...], vocabulary: int = 0) -> Published:
    """Definition and weights of a classifier of two classes whose first layers are these."""
    middle = networks.build(lists.parse(layers, "layers"), shape).output_shapes[-1]
    ends: list[Any] = [*([] if len(middle) == 1 else ["flatten"]), {"dense": {"units": 2}}]
    return publish_whole([*layers, *ends], shape, vocabulary)


def publish_whole(layers: list[Any], shape: tuple[int, ...], vocabulary: int = 0) -> Published:
    """The same of a whole list."""
    network = networks.build(lists.parse(layers, "layers"), shape)
    networks.initialise(network, lambda layer: torch.Generator().manual_seed(layer))
    draw = np.random.default_rng(0)
    weights = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    for name, values in weights.items():
        if "trunk" not in name and values.ndim <= 1:  # zeros and ones, which a fault would not touch
            weights[name] = (values + 0.3 * draw.random(values.shape)).astype(np.float32)
    definition = {
        "kind": "classifier",
        "layers": lists.to_json(network.layers),
        "labels": LABELS,
        "input_shape": list(shape),
        "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]}],
        **_describe_input(shape, vocabulary),
    }
    return definition, weights


def _describe_input(shape: tuple[int, ...], vocabulary: int) -> dict[str, Any]:
    if vocabulary:
        words = [f"word{i}" for i in range(vocabulary - 2)]
        return {
            "preprocessing": {"kind": "text", "words": words, "length": shape[0]},
            "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
        }
    if len(shape) == 3:
        return {
            "preprocessing": {"kind": "rescale", "scale": 255},
            "inputs": [{"name": "image", "datatype": "UINT8", "shape": [-1, *shape]}],
        }
    mean, deviation = np.ones(shape).tolist(), np.full(shape, 2.0).tolist()
    return {
        "preprocessing": {"kind": "standardize", "mean": mean, "deviation": deviation},
        "inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, *shape]}],
    }
