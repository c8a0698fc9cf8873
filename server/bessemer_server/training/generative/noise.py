"""The numbers that pictures are made of: standard normal, keyed."""

from __future__ import annotations

import torch

from bessemer_server.training import randomness


def draw(shape: tuple[int, ...], device: torch.device, seed: int, purpose: str, *where: int) -> torch.Tensor:
    """Float32 of this shape, the same on every device."""
    generator = randomness.generator(seed, purpose, *where)
    return torch.randn(shape, generator=generator).to(device)
