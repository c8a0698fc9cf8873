"""Layer lists that architectures make."""

from __future__ import annotations

import pytest

from bessemer_server.architectures import mlp, mnist_cnn
from bessemer_server.data import digits, iris, mnist
from bessemer_server.domain import plans
from bessemer_server.layers import lists, networks


def image_set(side):
    return plans.DatasetInfo("squares", "", "image", (side, side, 1), ("no", "yes"), 100, 0, False)


def test_mnist_cnn_is_the_network_of_the_keras_example():
    assert mnist_cnn.layers(mnist_cnn.MnistCnnOptions(), mnist.MNIST.info) == [
        {"conv2d": {"filters": 32, "kernel": 3, "padding": "valid", "activation": "relu"}},
        {"max_pool2d": {"size": 2}},
        {"conv2d": {"filters": 64, "kernel": 3, "padding": "valid", "activation": "relu"}},
        {"max_pool2d": {"size": 2}},
        "flatten",
        {"dense": {"units": 128, "activation": "relu"}},
        {"dropout": {"rate": 0.5}},
        {"dense": {"units": 10, "activation": "softmax"}},
    ]


@pytest.mark.parametrize("side", [*range(2, 13), 28, 32])
def test_mnist_cnn_fits_images_of_any_size(side):
    layers = lists.parse(mnist_cnn.layers(mnist_cnn.MnistCnnOptions(), image_set(side)), "options")
    network = networks.build(layers, (side, side, 1))
    assert network.output_shapes[-1] == (2,)


def test_an_mlp_flattens_images_and_takes_tables_as_they_are():
    options = mlp.MlpOptions(hidden=[16, 8], activation="tanh", dropout=0.5)
    assert mlp.layers(options, digits.DIGITS.info) == [
        "flatten",
        {"dense": {"units": 16, "activation": "tanh"}},
        {"dropout": {"rate": 0.5}},
        {"dense": {"units": 8, "activation": "tanh"}},
        {"dropout": {"rate": 0.5}},
        {"dense": {"units": 10, "activation": "softmax"}},
    ]
    assert mlp.layers(mlp.MlpOptions(hidden=[]), iris.IRIS.info) == [
        {"dense": {"units": 3, "activation": "softmax"}}
    ]
