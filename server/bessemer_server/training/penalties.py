"""Penalties on large weights, as terms of the loss.

For m samples in the batch, λ₂/(2m)·Σw² is Ridge's and λ₁/m·Σ|w| is Lasso's. Keras's `kernel_regularizer` has no m: its
`l2(k)` is λ₂ = 2·m·k here.
"""

from __future__ import annotations

import torch
from torch import nn

KERNEL_DIMENSIONS = 2
"""Kernels and tables of embeddings have so many at least; biases, and scales of normalisation, have one."""


class Penalty:
    """λ₁ and λ₂ at work on the kernels of one network that learn."""

    def __init__(self, network: nn.Module, l1: float, l2: float) -> None:
        self._l1, self._l2 = l1, l2
        learn = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self._kernels = [kernel for kernel in learn if kernel.ndim >= KERNEL_DIMENSIONS]

    def add(self, loss: torch.Tensor, samples: int) -> torch.Tensor:
        """The mean loss of a batch of so many samples, and the penalty."""
        if self._l2:
            loss = loss + self._l2 / (2 * samples) * _sum([kernel.square().sum() for kernel in self._kernels])
        if self._l1:
            loss = loss + self._l1 / samples * _sum([kernel.abs().sum() for kernel in self._kernels])
        return loss


def _sum(terms: list[torch.Tensor]) -> torch.Tensor:
    return torch.stack(terms).sum()
