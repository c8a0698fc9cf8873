"""Accuracy within the best few guesses."""

from __future__ import annotations

import torch

from bessemer_server.training.scores import kinds


def compute(logits: torch.Tensor, labels: torch.Tensor, number: int) -> float:
    """Share of samples whose true class is among the k with the highest scores, as `top_5_accuracy`; equal scores
    count as hits, as in Keras."""
    own = logits.gather(1, labels[:, None])
    hits = (logits > own).sum(dim=1) < number
    return float(hits.double().mean())


TOP_K_ACCURACY = kinds.Score("top_k_accuracy", compute)
