"""Penalties and limits on gradients, through the loop and at submit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bessemer_server.domain import errors, metrics
from bessemer_server.layers import lists, networks
from bessemer_server.training import penalties, planning
from tests.unit.training import recording

SPEC = {
    "architecture": "mlp",
    "dataset": "digits",
    "epochs": 1,
    "options": {"hidden": [16]},
    "test_split": 0.5,
}


def build(layers, shape=(6,)):
    network = networks.build(lists.parse(layers, "layers"), shape)
    return networks.initialise(network, lambda index: torch.Generator().manual_seed(index))


def test_the_penalty_is_that_of_the_formula_and_leaves_biases_and_normalisation_free():
    network = build([{"dense": {"units": 4}}, "batch_norm", {"dense": {"units": 3}}])
    kernels = [network[0].weight, network[2].weight]
    found = penalties.Penalty(network, l1=0.5, l2=0.1).add(torch.tensor(1.0), samples=8)
    squares = sum(float(kernel.detach().square().sum()) for kernel in kernels)
    sizes = sum(float(kernel.detach().abs().sum()) for kernel in kernels)
    assert found.item() == pytest.approx(1 + 0.1 / 16 * squares + 0.5 / 8 * sizes)


def test_frozen_weights_are_free():
    network = build([{"dense": {"units": 4}}, {"dense": {"units": 3}}])
    network[0].requires_grad_(False)
    found = penalties.Penalty(network, l1=0.0, l2=2.0).add(torch.tensor(0.0), samples=1)
    assert found.item() == pytest.approx(float(network[1].weight.detach().square().sum()))


@pytest.mark.parametrize("setting", [{"l2": 20.0}, {"l1": 2.0}])
def test_a_penalty_makes_weights_small_and_shows_in_the_training_loss_alone(setting):
    free, free_points = recording.train(SPEC)
    held, held_points = recording.train({**SPEC, **setting})
    (kernel, *_) = (name for name, array in free.weights.items() if array.ndim == 2)
    assert np.abs(held.weights[kernel]).sum() < np.abs(free.weights[kernel]).sum()
    first = held_points.values(metrics.Scope.STEP, "train/loss")[0]
    assert first > free_points.values(metrics.Scope.STEP, "train/loss")[0]
    assert held_points.values(metrics.Scope.EPOCH, "val/loss")[0] < 3  # the penalty alone is more


def test_a_limit_on_the_norm_is_the_length_of_a_step_of_gradient_descent():
    spec = {**SPEC, "optimizer": {"kind": "sgd", "learning_rate": 1.0}, "gradient_clip_norm": 1e-3}
    recorder = recording.Recorder(stop_after=1)
    from_start = recording.Recorder(stop_after=2)
    first = recording.stop(spec, recorder).tensors
    second = recording.stop(spec, from_start).tensors
    changes = [second[name] - first[name] for name in first if name.startswith("model/")]
    assert np.sqrt(sum(np.square(change).sum() for change in changes)) == pytest.approx(1e-3, rel=1e-2)


@pytest.mark.parametrize(
    ("setting", "field"),
    [
        ({"l1": -1}, "l1"),
        ({"l2": float("nan")}, "l2"),
        ({"gradient_clip_norm": 0}, "gradient_clip_norm"),
        ({"gradient_clip_value": -0.5}, "gradient_clip_value"),
        ({"gradient_clip_norm": 1, "gradient_clip_value": 1}, "gradient_clip_value"),
        ({"architecture": "dcgan", "options": {}, "l2": 0.1}, "l2"),
        ({"architecture": "dcgan", "options": {}, "gradient_clip_norm": 1.0}, "gradient_clip_norm"),
        ({"schedule": {"kind": "constant", "warmup_steps": 1_000}}, "schedule.warmup_steps"),
        ({"schedule": {"kind": "cosine", "warmup_steps": 1, "warmup_epochs": 0.5}}, "schedule.warmup_steps"),
        ({"schedule": {"kind": 5}}, "schedule.kind"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(setting, field):
    with pytest.raises(errors.InvalidArgument) as refused:
        planning.plan({**SPEC, **setting})
    assert [violation.field for violation in refused.value.violations] == [field]
