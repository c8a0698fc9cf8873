"""Initial weights: Keras's defaults."""

from __future__ import annotations

import torch
from torch import nn


def glorot_uniform_(layer: nn.Linear | nn.Conv2d, generator: torch.Generator) -> None:
    """Kernel uniform in ±sqrt(6 / (fan_in + fan_out)), bias zero.

    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    """
    nn.init.xavier_uniform_(layer.weight, generator=generator)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
