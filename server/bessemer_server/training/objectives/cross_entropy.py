"""Categorical cross-entropy."""

from __future__ import annotations

import torch
from torch.nn import functional

from bessemer_server.training.objectives import kinds


def compute(logits: torch.Tensor, labels: torch.Tensor, smoothing: float, reduction: str) -> torch.Tensor:
    """-log of the probability of the true class; smoothing s takes (1 - s) of it and s of the mean over all classes.

    Source: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2016, section 7.
    """
    return functional.cross_entropy(logits, labels, label_smoothing=smoothing, reduction=reduction)


CROSS_ENTROPY = kinds.Loss("cross_entropy", compute)
