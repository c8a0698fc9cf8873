"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence

import pydantic
import torch

from bessemer_server.layers.options import Options
from bessemer_server.training.optimizers import kinds


class SgdOptions(Options):
    """Stochastic gradient descent on mini-batches, with momentum if wanted."""

    learning_rate: kinds.LearningRate = 0.01
    """Size of a step, greater than 0."""
    momentum: kinds.Decay = 0.0
    """Share of the last step that is added to the next, from 0 up to but not 1."""
    nesterov: bool = False
    """Take the gradient where momentum leads to; needs a momentum above 0."""

    @pydantic.field_validator("nesterov")
    @classmethod
    def _needs_momentum(cls, nesterov: bool, info: pydantic.ValidationInfo) -> bool:
        if nesterov and not info.data.get("momentum", True):
            raise ValueError("needs a momentum above 0, e.g. momentum 0.9")
        return nesterov


def build(options: SgdOptions, parameters: Sequence[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """torch's SGD, without weight decay and dampening."""
    return torch.optim.SGD(
        parameters,
        lr=options.learning_rate,
        momentum=options.momentum,
        nesterov=options.nesterov,
        fused=kinds.has_fused(parameters),
    )


SGD = kinds.Optimizer("sgd", SgdOptions, build)
