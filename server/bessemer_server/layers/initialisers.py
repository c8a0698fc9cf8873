"""Initial weights: Keras's defaults, or torch's own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

Name = Literal["keras", "torch"]


def kernel_(
    layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d, name: Name, generator: torch.Generator
) -> None:
    """Kernel and bias. Keras: Glorot uniform, ±sqrt(6 / (fan_in + fan_out)), and zero; torch: both uniform in
    ±1 / sqrt(fan_in).

    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010.
    """
    if name == "keras":
        nn.init.xavier_uniform_(layer.weight, generator=generator)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
        return
    # As torch counts for its own layers: of a transposed convolution, the outputs.
    limit = 1 / math.sqrt(math.prod(layer.weight.shape[1:]))
    nn.init.uniform_(layer.weight, -limit, limit, generator=generator)
    if layer.bias is not None:
        nn.init.uniform_(layer.bias, -limit, limit, generator=generator)


def recurrent_(
    kernel: torch.Tensor,
    recurrent: torch.Tensor,
    biases: Sequence[torch.Tensor],
    name: Name,
    generator: torch.Generator,
) -> None:
    """Weights of a recurrent layer, [gates · units, inputs] and [gates · units, units]. Keras: Glorot uniform,
    orthogonal and zero; torch: all uniform in ±1 / sqrt(units).

    Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks", 2014.
    """
    if name == "keras":
        nn.init.xavier_uniform_(kernel, generator=generator)
        nn.init.orthogonal_(recurrent, generator=generator)
        for bias in biases:
            nn.init.zeros_(bias)
        return
    limit = 1 / math.sqrt(recurrent.shape[1])
    for tensor in (kernel, recurrent, *biases):
        nn.init.uniform_(tensor, -limit, limit, generator=generator)
