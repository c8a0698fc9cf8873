"""Adam with decoupled weight decay."""

from __future__ import annotations

import torch
from torch.optim import adam as torch_adam

from bessemer_server.training.optimizers import adam, kinds


class AdamwOptions(adam.AdamOptions):
    """Adam that also shrinks the weights, apart from the gradient (Loshchilov and Hutter, 2019)."""

    weight_decay: kinds.WeightDecay = 0.004
    """Each step takes learning_rate × weight_decay of every weight; 0 or more. The default is Keras's."""


def slots(options: AdamwOptions, parameter: torch.Tensor) -> dict[str, torch.Tensor]:
    """Those of Adam."""
    return adam.slots(options, parameter)


def update(options: AdamwOptions, batch: kinds.Update) -> None:
    """torch's AdamW."""
    torch_adam.adam(
        batch.parameters,
        batch.gradients,
        batch.slots["exp_avg"],
        batch.slots["exp_avg_sq"],
        [],
        batch.slots["step"],
        foreach=False,
        fused=batch.fused,
        decoupled_weight_decay=True,
        amsgrad=False,
        beta1=options.beta1,
        beta2=options.beta2,
        lr=batch.learning_rate,
        weight_decay=options.weight_decay,
        eps=options.epsilon,
        maximize=False,
    )


ADAMW = kinds.Optimizer("adamw", AdamwOptions, slots, update)
