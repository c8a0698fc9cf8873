"""Layer lists that architectures make."""

from __future__ import annotations

import pytest

from bessemer_server.architectures import cifar_cnn, lstm_classifier, mlp, mnist_cnn
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
@pytest.mark.parametrize("architecture", [mnist_cnn.MNIST_CNN, cifar_cnn.CIFAR_CNN], ids=lambda a: a.name)
def test_convolutional_networks_fit_images_of_any_size(architecture, side):
    layers = lists.parse(architecture.layers(architecture.options(), image_set(side)), "options")
    network = networks.build(layers, (side, side, 1))
    assert network.output_shapes[-1] == (2,)


def test_cifar_cnn_has_the_layers_and_counts_that_keras_prints():
    info = plans.DatasetInfo("cifar10", "", "image", (32, 32, 3), tuple("0123456789"), 50_000, 10_000, False)
    layers = lists.parse(cifar_cnn.layers(cifar_cnn.CifarCnnOptions(), info), "options")
    rows = networks.summarise(networks.build(layers, info.shape))
    assert [(row.kind, row.output_shape, row.parameters) for row in rows] == [
        ("conv2d", (32, 32, 32), 896),
        ("conv2d", (30, 30, 32), 9_248),
        ("max_pool2d", (15, 15, 32), 0),
        ("dropout", (15, 15, 32), 0),
        ("conv2d", (15, 15, 64), 18_496),
        ("conv2d", (13, 13, 64), 36_928),
        ("max_pool2d", (6, 6, 64), 0),
        ("dropout", (6, 6, 64), 0),
        ("flatten", (2_304,), 0),
        ("dense", (512,), 1_180_160),
        ("dropout", (512,), 0),
        ("dense", (10,), 5_130),
    ]
    assert sum(row.parameters for row in rows) == 1_250_858


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


def test_lstm_classifier_has_the_counts_that_keras_prints():
    info = plans.DatasetInfo("films", "", "text", (100,), ("bad", "good"), 100, 0, False, vocabulary=10_000)
    layers = lists.parse(lstm_classifier.layers(lstm_classifier.LstmClassifierOptions(), info), "options")
    rows = networks.summarise(networks.build(layers, info.shape))
    assert [(row.kind, row.output_shape, row.parameters, row.detail) for row in rows] == [
        ("embedding", (100, 100), 1_000_000, "10,000 tokens, 100 units"),
        ("lstm", (128,), 117_248, "128 units, dropout 0.2, recurrent dropout 0.2"),
        ("dense", (2,), 258, "2 units, softmax"),
    ]
