"""Update rules against the formulas that they are named after."""

import numpy as np
import pytest
import torch

from bessemer_server.training.optimizers import adam, kinds, sgd, updater

GRADIENTS = np.array([[0.5, -2.0], [0.25, 1.0], [-1.0, 3.0]], dtype=np.float32)
START = np.array([1.0, -1.0], dtype=np.float32)


def descend(kind, **options):
    parameter = torch.nn.Parameter(torch.tensor(START))
    optimizer = updater.Updater(kind, kind.options(**options), {"weight": parameter})
    for gradient in GRADIENTS:
        parameter.grad = torch.tensor(gradient)
        optimizer.step()
    return parameter.detach().numpy()


def test_adam_is_the_rule_of_kingma_and_ba():
    weights, m, v = START.astype(np.float64), 0.0, 0.0
    for t, gradient in enumerate(GRADIENTS, start=1):
        m = 0.8 * m + 0.2 * gradient
        v = 0.9 * v + 0.1 * gradient**2
        weights = weights - 0.1 * (m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.9**t)) + 0.01)
    found = descend(adam.ADAM, learning_rate=0.1, beta1=0.8, beta2=0.9, epsilon=0.01)
    assert found == pytest.approx(weights, rel=1e-5)


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_adds_a_share_of_the_last_step(nesterov):
    weights, velocity = START.astype(np.float64), 0.0
    for gradient in GRADIENTS:
        velocity = 0.9 * velocity - 0.1 * gradient
        weights = weights + (0.9 * velocity - 0.1 * gradient if nesterov else velocity)
    found = descend(sgd.SGD, learning_rate=0.1, momentum=0.9, nesterov=nesterov)
    assert found == pytest.approx(weights, rel=1e-5)


def test_plain_descent_steps_against_the_gradient():
    assert descend(sgd.SGD, learning_rate=0.1) == pytest.approx(START - 0.1 * GRADIENTS.sum(axis=0))


def test_defaults_are_those_of_keras():
    options = adam.AdamOptions()
    assert (options.learning_rate, options.beta1, options.beta2, options.epsilon) == (1e-3, 0.9, 0.999, 1e-7)
    assert sgd.SgdOptions().learning_rate == 0.01


def test_the_registry_finds_both():
    assert kinds.REGISTRY.get("adam") is adam.ADAM
    assert kinds.REGISTRY.get("sgd") is sgd.SGD


@pytest.mark.parametrize(
    ("kind", "options", "oracle"),
    [
        (adam.ADAM, {}, lambda p: torch.optim.Adam([p], eps=1e-7, fused=True)),
        (sgd.SGD, {}, lambda p: torch.optim.SGD([p], lr=0.01, fused=True)),
        (sgd.SGD, {"momentum": 0.9}, lambda p: torch.optim.SGD([p], lr=0.01, momentum=0.9, fused=True)),
    ],
)
def test_weights_are_bit_by_bit_those_of_torchs_optimizer(kind, options, oracle):
    parameter = torch.nn.Parameter(torch.tensor(START))
    optimizer = oracle(parameter)
    for gradient in GRADIENTS:
        parameter.grad = torch.tensor(gradient)
        optimizer.step()
    assert descend(kind, **options).tobytes() == parameter.detach().numpy().tobytes()
