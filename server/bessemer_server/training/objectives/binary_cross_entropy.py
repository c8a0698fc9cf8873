"""Binary cross-entropy."""

from __future__ import annotations

import torch
from torch.nn import functional

from bessemer_server.training.objectives import kinds


def compute(logits: torch.Tensor, labels: torch.Tensor, smoothing: float, reduction: str) -> torch.Tensor:
    """-y·log(p) - (1 - y)·log(1 - p), for two classes: p is the second one's probability; smoothing s makes y
    y·(1 - s) + s/2, as in Keras.

    Of two scores it is the same as `cross_entropy`: p is the sigmoid of their difference.
    """
    odds = logits[:, 1] - logits[:, 0]
    targets = labels.to(odds.dtype) * (1 - smoothing) + smoothing / 2
    return functional.binary_cross_entropy_with_logits(odds, targets, reduction=reduction)


BINARY_CROSS_ENTROPY = kinds.Loss("binary_cross_entropy", compute, classes=2, takes_one_unit=True)
