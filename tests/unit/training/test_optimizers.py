"""Update rules against the formulas that they are named after."""

import itertools

import numpy as np
import pytest
import torch

from bessemer_server.training.optimizers import adagrad, adam, adamw, kinds, rmsprop, sgd, updater

GRADIENTS = np.array([[0.5, -2.0], [0.25, 1.0], [-1.0, 3.0]], dtype=np.float32)
START = np.array([1.0, -1.0], dtype=np.float32)


def descend(kind, **options):
    parameter = torch.nn.Parameter(torch.tensor(START))
    optimizer_options = kind.options(**options)
    optimizer = updater.Updater(kind, optimizer_options, {"weight": parameter})
    for gradient in GRADIENTS:
        parameter.grad = torch.tensor(gradient)
        optimizer.step(optimizer_options.learning_rate)
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
        (
            adamw.ADAMW,
            {},
            lambda p: torch.optim.AdamW([p], lr=1e-3, eps=1e-7, weight_decay=0.004, fused=True),
        ),
        (
            rmsprop.RMSPROP,
            {"momentum": 0.5, "centered": True},
            lambda p: torch.optim.RMSprop(
                [p], lr=1e-3, alpha=0.9, eps=1e-7, momentum=0.5, centered=True, foreach=False
            ),
        ),
        (
            adagrad.ADAGRAD,
            {},
            lambda p: torch.optim.Adagrad(
                [p], lr=1e-3, eps=1e-7, initial_accumulator_value=0.1, foreach=False
            ),
        ),
    ],
)
def test_weights_are_bit_by_bit_those_of_torchs_optimizer(kind, options, oracle):
    parameter = torch.nn.Parameter(torch.tensor(START))
    optimizer = oracle(parameter)
    for gradient in GRADIENTS:
        parameter.grad = torch.tensor(gradient)
        optimizer.step()
    assert descend(kind, **options).tobytes() == parameter.detach().numpy().tobytes()


def test_rmsprop_divides_by_the_running_root_mean_square():
    weights, square = START.astype(np.float64), 0.0
    for gradient in GRADIENTS:
        square = 0.8 * square + 0.2 * gradient**2
        weights = weights - 0.1 * gradient / (np.sqrt(square) + 0.01)
    found = descend(rmsprop.RMSPROP, learning_rate=0.1, rho=0.8, epsilon=0.01)
    assert found == pytest.approx(weights, rel=1e-5)


def test_adagrad_divides_by_the_root_of_all_squares():
    weights, total = START.astype(np.float64), 0.5
    for gradient in GRADIENTS:
        total = total + gradient**2
        weights = weights - 0.1 * gradient / (np.sqrt(total) + 0.01)
    found = descend(adagrad.ADAGRAD, learning_rate=0.1, initial_accumulator_value=0.5, epsilon=0.01)
    assert found == pytest.approx(weights, rel=1e-5)


def test_adamw_shrinks_weights_apart_from_the_gradient():
    plain = descend(adam.ADAM, learning_rate=0.1)
    decayed = descend(adamw.ADAMW, learning_rate=0.1, weight_decay=0.5)
    undecayed = descend(adamw.ADAMW, learning_rate=0.1, weight_decay=0.0)
    assert undecayed == pytest.approx(plain, rel=1e-6)
    # The steps of Adam do not depend on the weights here, so only the shrinking differs.
    steps = [descend_some(adam.ADAM, n, learning_rate=0.1) for n in range(4)]
    weights = START.astype(np.float64)
    for before, after in itertools.pairwise(steps):
        weights = weights * (1 - 0.1 * 0.5) + (after - before)
    assert decayed == pytest.approx(weights, rel=1e-5)


def descend_some(kind, count, **options):
    parameter = torch.nn.Parameter(torch.tensor(START))
    optimizer = updater.Updater(kind, kind.options(**options), {"weight": parameter})
    for gradient in GRADIENTS[:count]:
        parameter.grad = torch.tensor(gradient)
        optimizer.step(options["learning_rate"])
    return parameter.detach().numpy().astype(np.float64)
