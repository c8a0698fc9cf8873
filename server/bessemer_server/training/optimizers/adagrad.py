"""Adagrad."""

from __future__ import annotations

from typing import Annotated

import pydantic
import torch
from torch.optim import adagrad

from bessemer_server.training.optimizers import kinds


class AdagradOptions(kinds.OptimizerOptions):
    """Adagrad: steps divided by the root of the sum of all squared gradients (Duchi et al., 2011)."""

    learning_rate: kinds.LearningRate = 1e-3
    """Size of a step, greater than 0."""
    initial_accumulator_value: Annotated[float, pydantic.Field(ge=0, le=1e6)] = 0.1
    """What the sum of squared gradients begins with, 0 or more. The default is Keras's."""
    epsilon: Annotated[float, pydantic.Field(gt=0, le=1)] = 1e-7
    """Added to the divisor; greater than 0. The default is Keras's, which adds it under the root."""


def slots(options: AdagradOptions, parameter: torch.Tensor) -> dict[str, torch.Tensor]:
    """The sum of squared gradients, and the number of steps."""
    return {
        "sum": torch.full_like(parameter, options.initial_accumulator_value),
        "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
    }


def update(options: AdagradOptions, batch: kinds.Update) -> None:
    """torch's Adagrad, without decay of the learning rate or the weights."""
    adagrad.adagrad(
        batch.parameters,
        batch.gradients,
        batch.slots["sum"],
        batch.slots["step"],
        foreach=False,
        fused=False,
        lr=batch.learning_rate,
        weight_decay=0.0,
        lr_decay=0.0,
        eps=options.epsilon,
        maximize=False,
    )


ADAGRAD = kinds.Optimizer("adagrad", AdagradOptions, slots, update)
