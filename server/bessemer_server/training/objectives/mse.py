"""Mean squared error of probabilities."""

from __future__ import annotations

import torch
from torch.nn import functional

from bessemer_server.training.objectives import kinds


def compute(logits: torch.Tensor, labels: torch.Tensor, smoothing: float, reduction: str) -> torch.Tensor:
    """Mean over the classes of (probability - target)², the target being 1 for the true class and 0 for others;
    smoothing s makes it target·(1 - s) + s/K.

    Source: Brier, "Verification of forecasts expressed in terms of probability", 1950; his score is K times this one.
    """
    classes = logits.shape[1]
    targets = functional.one_hot(labels, classes).to(logits.dtype) * (1 - smoothing) + smoothing / classes
    losses = (torch.softmax(logits, dim=1) - targets).square().mean(dim=1)
    match reduction:
        case "mean":
            return losses.mean()
        case "sum":
            return losses.sum()
    return losses


MSE = kinds.Loss("mse", compute, takes_one_unit=True)
