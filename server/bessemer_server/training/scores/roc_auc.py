"""Area under the ROC curve."""

from __future__ import annotations

import torch

from bessemer_server.training.scores import kinds

KNOWS_NOTHING = 0.5
"""Where all samples are of one class, there is nothing to tell apart."""


def compute(logits: torch.Tensor, labels: torch.Tensor, _: int) -> float:
    """Chance that a sample of a class gets a higher probability of it than a sample of another; mean over the
    classes that occur, each against the rest.

    Exact, by ranks; equal probabilities count half. Source: Hanley and McNeil, "The meaning and use of the area under
    a receiver operating characteristic (ROC) curve", 1982. For two classes it is the area of either.
    """
    # In float64 probabilities near 1 stay apart, and log keeps apart those near 0.
    scores = torch.log_softmax(logits.double(), dim=1)
    areas = [
        _measure_area(scores[:, index], labels == index)
        for index in range(scores.shape[1])
        if 0 < int((labels == index).sum()) < len(labels)
    ]
    return sum(areas) / len(areas) if areas else KNOWS_NOTHING


def _measure_area(scores: torch.Tensor, is_positive: torch.Tensor) -> float:
    """Mann and Whitney's U over the number of pairs."""
    _, places, counts = torch.unique(scores, return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    ranks = (last - (counts - 1) / 2)[places]
    positives = int(is_positive.sum())
    smaller = float(ranks[is_positive].sum()) - positives * (positives + 1) / 2
    return smaller / (positives * (len(scores) - positives))


ROC_AUC = kinds.Score("roc_auc", compute)
