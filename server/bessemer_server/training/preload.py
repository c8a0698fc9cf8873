"""What is done once in a fork server, so that no process forked from it has to wait for it."""

from __future__ import annotations

import torch

from bessemer_server.architectures import kinds as architectures
from bessemer_server.data import sources
from bessemer_server.layers import kinds as layers
from bessemer_server.training import loop, planning, predictors  # noqa: F401
from bessemer_server.training.optimizers import kinds as optimizers
from bessemer_server.training.optimizers import updater


def preload() -> None:
    """Import all that training and predicting need, and take one step with each optimizer.

    One thread and tiny operations: a pool of threads does not survive a fork. No backward pass: the first one
    counts CUDA's devices and starts a thread for each.
    """
    torch.set_num_threads(1)
    for registry in (architectures.REGISTRY, layers.REGISTRY, sources.REGISTRY):
        registry.names()
    for optimizer in optimizers.REGISTRY:
        parameter = torch.nn.Parameter(torch.zeros(1))
        parameter.grad = torch.zeros(1)
        updater.Updater(optimizer, optimizer.options(), {"parameter": parameter}).step(1e-3)
    planning.plan({"architecture": "mlp", "dataset": "digits", "options": {"dropout": 0.5}})
