"""The network in NumPy and the one in torch, step by step."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from bessemer_server.domain import metrics
from bessemer_server.layers import lists, networks
from bessemer_server.training import clipping, penalties, randomness
from bessemer_server.training.config import TrainingConfig
from bessemer_server.training.numpy_engine import losses, network, updates
from bessemer_server.training.optimizers import kinds as optimizers
from bessemer_server.training.optimizers import updater
from tests.unit.training import recording

STEPS = 50
LAYERS: list[dict[str, Any]] = [
    {"dense": {"units": 16, "activation": "tanh"}},
    {"dropout": {"rate": 0.25}},
    {"dense": {"units": 8, "activation": "relu"}},
    {"dense": {"units": 3, "activation": "softmax"}},
]
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"kind": "sgd", "learning_rate": 0.05},
    "momentum": {"kind": "sgd", "learning_rate": 0.05, "momentum": 0.9},
    "nesterov": {"kind": "sgd", "learning_rate": 0.05, "momentum": 0.9, "nesterov": True},
    "adam": {"kind": "adam", "learning_rate": 0.01},
}
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "penalties": {"l1": 0.02, "l2": 0.3},
    "clipped by norm": {"gradient_clip_norm": 0.2},
    "clipped by value": {"gradient_clip_value": 0.05, "l2": 0.1},
}
CASES = [*((name, "plain") for name in OPTIMIZERS), *(("adam", setting) for setting in SETTINGS)]


def mask(step, index, shape, rate):
    """As torch's layer draws it."""
    generator = torch.Generator().manual_seed(randomness.key(0, "dropout", 1, step, index))
    kept = torch.empty(shape, dtype=torch.float64).bernoulli_(1 - rate, generator=generator)
    return kept.div_(1 - rate).numpy()


@pytest.mark.parametrize(("name", "setting"), CASES)
def test_weights_agree_with_torch_in_float64_after_every_step(name, setting):
    settings, config = dict(OPTIMIZERS[name]), TrainingConfig.model_validate(SETTINGS[setting])
    kind = optimizers.REGISTRY.get(settings.pop("kind"))
    options = kind.options.model_validate(settings)
    theirs = networks.build(lists.parse(LAYERS, "layers"), (6,))
    theirs = networks.initialise(theirs, lambda layer: randomness.generator(0, "init", layer)).double()
    penalty = penalties.Penalty(theirs, config.l1, config.l2)
    ours = network.Network(LAYERS, 6, np.float64, l1=config.l1, l2=config.l2)
    for parameter, array in ours.parameters.items():
        array[...] = theirs.state_dict()[parameter].numpy()
    step_theirs = updater.Updater(kind, options, dict(theirs.named_parameters()))
    step_ours = updates.build(options, ours.flat.size, np.float64)
    random = np.random.default_rng(5)
    for step in range(1, STEPS + 1):
        inputs, labels = random.normal(size=(20, 6)), random.integers(0, 3, 20)
        theirs.reseed(functools.partial(randomness.key, 0, "dropout", 1, step))
        theirs.zero_grad()
        loss = functional.cross_entropy(theirs(torch.from_numpy(inputs)), torch.from_numpy(labels))
        loss = penalty.add(loss, len(inputs))
        loss.backward()
        clipping.clip(theirs.parameters(), config)
        step_theirs.step(options.learning_rate)
        draw = functools.partial(mask, step)
        our_loss, _ = ours.learn(inputs, labels, losses.cross_entropy, draw)
        assert our_loss == pytest.approx(loss.item())
        updates.clip(ours.gradient, config.gradient_clip_norm, config.gradient_clip_value)
        step_ours.update(ours.flat, ours.gradient, options.learning_rate)
        for parameter, array in ours.parameters.items():
            expected = theirs.state_dict()[parameter].numpy()
            assert np.abs(array - expected).max() <= 1e-6 * np.abs(expected).max(), (step, parameter)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_whole_run_is_that_of_mlp_but_for_rounding(name):
    spec = {
        "dataset": "digits", "epochs": 2, "seed": 3, "options": {"hidden": [16], "dropout": 0.2},
        "optimizer": OPTIMIZERS[name],
    }  # fmt: skip
    ours, our_recorder = recording.train({**spec, "architecture": "numpy_mlp"})
    theirs, their_recorder = recording.train({**spec, "architecture": "mlp"})
    for metric in ("train/loss", "val/loss", "val/accuracy"):
        found = our_recorder.values(metrics.Scope.EPOCH, metric)
        assert found == pytest.approx(their_recorder.values(metrics.Scope.EPOCH, metric), rel=1e-3)
    assert ours.definition == theirs.definition
    assert {n: a.shape for n, a in ours.weights.items()} == {n: a.shape for n, a in theirs.weights.items()}
