"""What is done once in a fork server, so that no process forked from it has to wait for it."""

from __future__ import annotations

import torch

from bessemer_server.architectures import kinds as architectures
from bessemer_server.data import sources
from bessemer_server.layers import kinds as layers
from bessemer_server.training import inference, loop, planning  # noqa: F401
from bessemer_server.training.optimizers import kinds as optimizers


def preload() -> None:
    """Import all that training and predicting need, and take one step with each optimizer.

    The first optimizer costs seconds, for what torch imports then. One thread and tiny operations: a pool of threads does
    not survive a fork. CUDA is not touched.
    """
    torch.set_num_threads(1)
    for registry in (architectures.REGISTRY, layers.REGISTRY, sources.REGISTRY):
        registry.names()
    for optimizer in optimizers.REGISTRY:
        parameter = torch.nn.Parameter(torch.zeros(1))
        parameter.grad = torch.zeros(1)
        optimizer.build(optimizer.options(), [parameter]).step()
    planning.plan({"architecture": "mlp", "dataset": "digits", "options": {"dropout": 0.5}})
