"""What need be computed only once: the outputs of the frozen layers that a network begins with.

Neither trained nor random, those layers give the same for a sample in each epoch; with a frozen resnet50 that is
nearly all of the work.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch

from bessemer_server.layers import kinds, networks
from bessemer_server.training.learner import Batch

CHUNK = 32
"""Samples at a time. A constant: results may depend on it, and a run that resumes must find the same."""
LARGEST_BYTES = 64 * 1024
"""Features of one sample that are worth their memory: 16,384 numbers."""


@runtime_checkable
class Caching(Protocol):
    """A learner that can do part of its work on a sample once and for all."""

    def prepare(self, samples: Batch) -> Batch:
        """What `train_step` and `evaluate` take from now on in place of `samples`."""
        ...


def frozen_layers(network: networks.Network) -> int:
    """How many layers at the beginning are worth to be run once; 0 for none."""
    count, has_parameters = 0, False
    for layer in network:
        if isinstance(layer, kinds.Random) or any(p.requires_grad for p in layer.parameters()):
            break
        count += 1
        has_parameters |= any(True for _ in layer.parameters())
    is_small = count and 4 * math.prod(network.output_shapes[count - 1]) <= LARGEST_BYTES
    return count if has_parameters and is_small and count < len(network) else 0


@torch.no_grad()
def compute(layers: Callable[[torch.Tensor], torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
    """The outputs of `layers` for all inputs, chunk by chunk."""
    return torch.cat([layers(chunk) for chunk in inputs.split(CHUNK)])
