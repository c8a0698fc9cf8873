"""Adam."""

from __future__ import annotations

from typing import Annotated

import pydantic
import torch
from torch.optim import adam

from bessemer_server.training.optimizers import kinds


class AdamOptions(kinds.OptimizerOptions):
    """Adam: steps scaled by running averages of the gradient and its square (Kingma and Ba, 2015)."""

    learning_rate: kinds.LearningRate = 1e-3
    """Size of a step, greater than 0."""
    beta1: kinds.Decay = 0.9
    """Decay of the average of gradients, from 0 up to but not 1."""
    beta2: kinds.Decay = 0.999
    """Decay of the average of squared gradients, from 0 up to but not 1."""
    epsilon: Annotated[float, pydantic.Field(gt=0, le=1)] = 1e-7
    """Added to the divisor; greater than 0. The default is Keras's."""


def slots(options: AdamOptions, parameter: torch.Tensor) -> dict[str, torch.Tensor]:
    """Running averages of the gradient and its square, and the number of steps."""
    return {
        "exp_avg": torch.zeros_like(parameter),
        "exp_avg_sq": torch.zeros_like(parameter),
        "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
    }


def update(options: AdamOptions, batch: kinds.Update) -> None:
    """torch's Adam, without weight decay."""
    adam.adam(
        batch.parameters,
        batch.gradients,
        batch.slots["exp_avg"],
        batch.slots["exp_avg_sq"],
        [],
        batch.slots["step"],
        foreach=False,
        fused=batch.fused,
        amsgrad=False,
        beta1=options.beta1,
        beta2=options.beta2,
        lr=batch.learning_rate,
        weight_decay=0.0,
        eps=options.epsilon,
        maximize=False,
    )


ADAM = kinds.Optimizer("adam", AdamOptions, slots, update)
