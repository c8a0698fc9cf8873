"""Stochastic gradient descent."""

from __future__ import annotations

import pydantic
import torch
from torch.optim import sgd

from bessemer_server.training.optimizers import kinds


class SgdOptions(kinds.OptimizerOptions):
    """Stochastic gradient descent on mini-batches, with momentum if wanted."""

    learning_rate: kinds.LearningRate = 0.01
    """Size of a step, greater than 0."""
    momentum: kinds.Decay = 0.0
    """Share of the last step that is added to the next, from 0 up to but not 1."""
    weight_decay: kinds.WeightDecay = 0.0
    """This times every weight is added to its gradient; 0 or more. It is L2 on all parameters, biases too."""
    nesterov: bool = False
    """Take the gradient where momentum leads to; needs a momentum above 0."""

    @pydantic.field_validator("nesterov")
    @classmethod
    def _needs_momentum(cls, nesterov: bool, info: pydantic.ValidationInfo) -> bool:
        if nesterov and not info.data.get("momentum", True):
            raise ValueError("needs a momentum above 0, e.g. momentum 0.9")
        return nesterov


def slots(options: SgdOptions, parameter: torch.Tensor) -> dict[str, torch.Tensor]:
    """The velocity, where there is momentum."""
    return {"momentum": torch.zeros_like(parameter)} if options.momentum else {}


def update(options: SgdOptions, batch: kinds.Update) -> None:
    """torch's SGD, without dampening."""
    velocities: list[torch.Tensor | None] = [*batch.slots.get("momentum", [None] * len(batch.parameters))]
    sgd.sgd(
        batch.parameters,
        batch.gradients,
        velocities,
        has_sparse_grad=False,
        foreach=False,
        fused=batch.fused,
        weight_decay=options.weight_decay,
        momentum=options.momentum,
        lr=batch.learning_rate,
        dampening=0.0,
        nesterov=options.nesterov,
        maximize=False,
    )


SGD = kinds.Optimizer("sgd", SgdOptions, slots, update)
