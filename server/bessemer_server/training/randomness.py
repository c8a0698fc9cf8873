"""Randomness as a function of a key, never of a history of draws.

Each draw comes from a generator keyed by (seed, purpose, epoch, step, ...). So a snapshot holds no state of a
generator, and a run that resumes draws what it would have drawn.
"""

from __future__ import annotations

import hashlib

import torch


def key(seed: int, purpose: str, *where: int) -> int:
    """63 bits that depend on every part of the key, the same on every machine."""
    text = "/".join([str(seed), purpose, *map(str, where)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def generator(seed: int, purpose: str, *where: int) -> torch.Generator:
    """A fresh generator on the CPU, so that its draws do not depend on the device of the run."""
    return torch.Generator().manual_seed(key(seed, purpose, *where))


def order(seed: int, epoch: int, samples: int) -> torch.Tensor:
    """Permutation in which the samples are seen in `epoch`, counted from 1."""
    return torch.randperm(samples, generator=generator(seed, "order", epoch))
