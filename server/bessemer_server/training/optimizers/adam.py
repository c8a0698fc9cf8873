"""Adam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import pydantic
import torch

from bessemer_server.layers.options import Options
from bessemer_server.training.optimizers import kinds


class AdamOptions(Options):
    """Adam: steps scaled by running averages of the gradient and its square (Kingma and Ba, 2015)."""

    learning_rate: kinds.LearningRate = 1e-3
    """Size of a step, greater than 0."""
    beta1: kinds.Decay = 0.9
    """Decay of the average of gradients, from 0 up to but not 1."""
    beta2: kinds.Decay = 0.999
    """Decay of the average of squared gradients, from 0 up to but not 1."""
    epsilon: Annotated[float, pydantic.Field(gt=0, le=1)] = 1e-7
    """Added to the divisor; greater than 0. The default is Keras's."""


def build(options: AdamOptions, parameters: Sequence[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """torch's Adam, without weight decay."""
    return torch.optim.Adam(
        parameters,
        lr=options.learning_rate,
        betas=(options.beta1, options.beta2),
        eps=options.epsilon,
        fused=kinds.has_fused(parameters),
    )


ADAM = kinds.Optimizer("adam", AdamOptions, build)
