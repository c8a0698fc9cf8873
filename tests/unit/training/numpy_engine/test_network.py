"""Gradients against finite differences, and the small examples that people work out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from bessemer_server.training.numpy_engine import activations, losses, network

RANDOM = np.random.default_rng(3)


def dense(units, activation="linear"):
    return {"dense": {"units": units, "activation": activation}}


def no_dropout(index, shape, rate):
    raise AssertionError("there is no dropout layer here")


def build(layer_list, inputs, **options):
    built = network.Network(layer_list, inputs, np.float64, **options)
    built.flat[:] = RANDOM.normal(size=built.flat.size)
    return built


def numeric_gradient(built, compute, epsilon=1e-6):
    found = np.empty_like(built.flat)
    for index, value in enumerate(built.flat.copy()):
        built.flat[index] = value + epsilon
        above = compute()
        built.flat[index] = value - epsilon
        found[index] = (above - compute()) / (2 * epsilon)
        built.flat[index] = value
    return found


@pytest.mark.parametrize("activation", sorted(activations.ACTIVATIONS))
@pytest.mark.parametrize("l2", [0.0, 0.01])
def test_the_gradient_is_that_of_the_loss(activation, l2):
    built = build(
        [dense(5, activation), {"dropout": {"rate": 0.5}}, dense(4, activation), dense(3)], 6, l2=l2
    )
    inputs, labels = RANDOM.normal(size=(7, 6)), RANDOM.integers(0, 3, 7)
    mask = RANDOM.integers(0, 2, (7, 5)) * 2.0

    def learn():
        return built.learn(inputs, labels, losses.cross_entropy, lambda *_: mask)[0]

    learn()
    gradient = built.gradient.copy()
    assert gradient == pytest.approx(numeric_gradient(built, learn), rel=1e-5, abs=1e-8)


def test_binary_cross_entropy_has_the_gradient_of_its_loss():
    built = build([dense(4, "tanh"), dense(1)], 3)
    inputs, targets = RANDOM.normal(size=(5, 3)), RANDOM.integers(0, 2, (5, 1)).astype(float)

    def learn():
        return built.learn(inputs, targets, losses.binary_cross_entropy, no_dropout)[0]

    learn()
    gradient = built.gradient.copy()
    assert gradient == pytest.approx(numeric_gradient(built, learn), rel=1e-5, abs=1e-8)


def test_losses_are_those_of_their_definitions():
    logits = np.array([[2.0, -1.0, 0.5]])
    probabilities = np.exp(logits) / np.exp(logits).sum()
    assert losses.cross_entropy(logits, np.array([2]))[0] == pytest.approx(-np.log(probabilities[0, 2]))
    probability = 1 / (1 + np.exp(-0.7))
    found, _ = losses.binary_cross_entropy(np.array([[0.7], [0.7]]), np.array([[1.0], [0.0]]))
    assert found == pytest.approx(-(np.log(probability) + np.log(1 - probability)) / 2)


@pytest.mark.parametrize("size", [1e3, 1e30])
def test_certain_logits_leave_no_loss_infinite(size):
    assert losses.cross_entropy(np.array([[size, -size]]), np.array([1]))[0] == pytest.approx(2 * size)
    assert losses.binary_cross_entropy(np.array([[-size]]), np.array([[1.0]]))[0] == pytest.approx(size)


def test_a_neuron_gives_the_sum_that_one_works_out_by_hand():
    neuron = network.Network([dense(1, "relu")], 3, np.float64)
    neuron.parameters["0.weight"][:], neuron.parameters["0.bias"][:] = [[0.7, -0.2, 0.4]], 0.1
    # 0.84 - 0.1 - 0.12 + 0.1
    assert neuron.forward(np.array([[1.2, 0.5, -0.3]])) == pytest.approx(0.72)


def test_biases_have_gradients_too():
    built = build([dense(4, "tanh"), dense(2)], 3)
    built.learn(RANDOM.normal(size=(5, 3)), np.array([0, 1, 1, 0, 1]), losses.cross_entropy, no_dropout)
    assert all((built.gradients[name] != 0).all() for name in ("0.bias", "1.bias"))


def test_parameters_and_their_gradients_are_views_into_flat_arrays():
    built = network.Network([dense(4, "tanh"), {"dropout": {"rate": 0.1}}, dense(2, "softmax")], 3)
    assert {name: array.shape for name, array in built.parameters.items()} == {
        "0.weight": (4, 3), "0.bias": (4,), "2.weight": (2, 4), "2.bias": (2,)
    }  # fmt: skip
    built.flat[:] = np.arange(built.flat.size)
    assert built.parameters["2.bias"].tolist() == [24, 25]
    assert built.flat.size == 26
