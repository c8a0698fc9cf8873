"""RMSprop."""

from __future__ import annotations

from typing import Annotated

import pydantic
import torch
from torch.optim import rmsprop

from bessemer_server.training.optimizers import kinds


class RmspropOptions(kinds.OptimizerOptions):
    """RMSprop: steps divided by a running root mean square of the gradient (Hinton, 2012)."""

    learning_rate: kinds.LearningRate = 1e-3
    """Size of a step, greater than 0."""
    rho: kinds.Decay = 0.9
    """Decay of the average of squared gradients, from 0 up to but not 1."""
    momentum: kinds.Decay = 0.0
    """Share of the last step that is added to the next, from 0 up to but not 1."""
    epsilon: Annotated[float, pydantic.Field(gt=0, le=1)] = 1e-7
    """Added to the divisor; greater than 0. The default is Keras's, which adds it under the root."""
    centered: bool = False
    """Divide by the running standard deviation instead: the average of gradients is taken off."""


def slots(options: RmspropOptions, parameter: torch.Tensor) -> dict[str, torch.Tensor]:
    """Running average of the squared gradient; the velocity and the average gradient where needed."""
    found = {
        "square_avg": torch.zeros_like(parameter),
        "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
    }
    if options.momentum:
        found["momentum"] = torch.zeros_like(parameter)
    if options.centered:
        found["grad_avg"] = torch.zeros_like(parameter)
    return found


def update(options: RmspropOptions, batch: kinds.Update) -> None:
    """torch's RMSprop, without weight decay."""
    rmsprop.rmsprop(
        batch.parameters,
        batch.gradients,
        batch.slots["square_avg"],
        batch.slots.get("grad_avg", []),
        batch.slots.get("momentum", []),
        batch.slots["step"],
        foreach=False,
        lr=batch.learning_rate,
        alpha=options.rho,
        eps=options.epsilon,
        weight_decay=0.0,
        momentum=options.momentum,
        centered=options.centered,
    )


RMSPROP = kinds.Optimizer("rmsprop", RmspropOptions, slots, update)
