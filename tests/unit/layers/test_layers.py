"""Layers: what they compute, and that what they say of their shapes is what they do."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bessemer_server.domain import errors
from bessemer_server.layers import activations, lists, networks, windows


def network(*entries, shape, seed=0):
    built = networks.build(lists.parse(entries, "layers"), shape)
    return networks.initialise(built, lambda layer: torch.Generator().manual_seed(seed + layer))


def images(shape, count=2):
    """NCHW, for a shape that is channels-last."""
    return (
        torch.arange(count * int(np.prod(shape)), dtype=torch.float32).reshape(count, *shape).movedim(-1, 1)
    )


SIZES = st.one_of(st.integers(1, 4), st.lists(st.integers(1, 4), min_size=2, max_size=2))
PADDING = st.sampled_from(["valid", "same"])


@settings(deadline=None)  # the first convolution of a process is slow
@given(
    shape=st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 3)),
    window=SIZES,
    stride=SIZES,
    padding=PADDING,
    kind=st.sampled_from(["conv2d", "max_pool2d"]),
)
def test_the_shape_that_is_planned_is_the_shape_that_comes_out(shape, window, stride, padding, kind):
    options = {"stride": stride, "padding": padding}
    options |= {"kernel": window, "filters": 2} if kind == "conv2d" else {"size": window}
    try:
        built = network({kind: options}, shape=shape)
    except networks.ImpossibleLayer:
        height, width = (window, window) if isinstance(window, int) else window
        assert padding == "valid"
        assert height > shape[0] or width > shape[1]
        return
    out = built(images(shape)).movedim(1, -1)
    assert tuple(out.shape[1:]) == built.output_shapes[-1]
    assert torch.isfinite(out).all()


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 9))
def test_same_padding_gives_a_window_for_every_stride_and_no_pixel_more_than_needed(side, window, stride):
    before, after = windows.pad(side, window, stride, "same")
    count = windows.count(side, window, stride, "same")
    assert count == -(-side // stride)
    assert 0 <= after - before <= 1
    assert (side + before + after - window) // stride + 1 == count or stride > window


def test_a_convolution_pads_like_keras_with_the_odd_pixel_at_the_end():
    layer = network({"conv2d": {"filters": 1, "kernel": 2, "padding": "same"}}, shape=(2, 2, 1))[0]
    with torch.no_grad():
        layer.weight.fill_(1)
    out = layer(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
    assert out.tolist() == [[[[10.0, 6.0], [7.0, 4.0]]]]


def test_padding_of_a_pooling_never_wins():
    pool = network({"max_pool2d": {"size": 2, "padding": "same"}}, shape=(3, 3, 1))
    assert pool(-torch.ones(1, 1, 3, 3)).tolist() == [[[[-1.0, -1.0], [-1.0, -1.0]]]]


def test_flatten_orders_features_by_height_width_and_channel():
    flat = network("flatten", shape=(2, 2, 3))(images((2, 2, 3), count=1))
    assert flat.tolist() == [[float(i) for i in range(12)]]


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("linear", lambda x: x),
        ("relu", lambda x: np.maximum(0, x)),
        ("sigmoid", lambda x: 1 / (1 + np.exp(-x))),
        ("tanh", np.tanh),
        ("softmax", lambda x: np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)),
        ("leaky_relu", lambda x: np.where(x > 0, x, 0.3 * x)),
        ("elu", lambda x: np.where(x > 0, x, np.exp(x) - 1)),
        ("gelu", lambda x: x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2),
        ("silu", lambda x: x / (1 + np.exp(-x))),
    ],
)
def test_activations_are_their_formulas(name, formula):
    values = np.linspace(-5, 5, 12, dtype=np.float32).reshape(3, 4)
    found = activations.FUNCTIONS[name](torch.tensor(values)).numpy()
    assert found == pytest.approx(formula(values.astype(np.float64)), rel=1e-5, abs=1e-6)


def test_the_table_of_activations_is_the_list_that_options_allow():
    schema = activations.ActivationOptions.model_json_schema()
    assert sorted(activations.FUNCTIONS) == sorted(schema["properties"]["function"]["enum"])


def test_softmax_of_an_image_is_over_its_channels():
    out = network({"activation": {"function": "softmax"}}, "flatten", shape=(2, 2, 3))(images((2, 2, 3)))
    assert out.reshape(-1, 3).sum(dim=1).tolist() == pytest.approx([1] * 8)


def dropped(rate, key, training=True):
    layer = network({"dropout": {"rate": rate}}, shape=(1000,)).train(training)
    layer.reseed(lambda index: key + index)
    return layer(torch.ones(1, 1000))


def test_dropout_keeps_the_sum_and_drops_the_rate():
    out = dropped(0.25, key=1)
    assert out.unique().tolist() == [0.0, pytest.approx(1 / 0.75)]
    assert 200 < (out == 0).sum() < 300


def test_dropout_is_a_function_of_its_key():
    assert torch.equal(dropped(0.5, key=1), dropped(0.5, key=1))
    assert not torch.equal(dropped(0.5, key=1), dropped(0.5, key=2))


def test_dropout_does_nothing_to_predictions():
    assert torch.equal(dropped(0.5, key=1, training=False), torch.ones(1, 1000))


def test_initial_weights_are_glorot_uniform_and_biases_zero():
    dense = network({"dense": {"units": 300}}, shape=(500,))[0]
    limit = (6 / 800) ** 0.5
    assert 0.99 * limit < dense.weight.max() <= limit
    assert -limit <= dense.weight.min() < -0.99 * limit
    assert not dense.bias.any()
    conv = network({"conv2d": {"filters": 64, "kernel": 3}}, shape=(8, 8, 32))[0]
    assert 0.99 * (6 / (9 * 96)) ** 0.5 < conv.weight.max() <= (6 / (9 * 96)) ** 0.5


def test_initial_weights_depend_on_the_key_alone():
    torch.manual_seed(1)
    first = network({"dense": {"units": 3}}, shape=(4,), seed=5)
    torch.manual_seed(2)
    assert torch.equal(network({"dense": {"units": 3}}, shape=(4,), seed=5)[0].weight, first[0].weight)
    assert not torch.equal(network({"dense": {"units": 3}}, shape=(4,), seed=6)[0].weight, first[0].weight)


@pytest.mark.parametrize(
    "end",
    [
        [{"dense": {"units": 3, "activation": "softmax"}}],
        [{"dense": {"units": 3}}, {"activation": {"function": "softmax"}}],
    ],
)
def test_a_final_softmax_is_left_to_the_loss_and_to_predictions(end):
    built = network(*end, shape=(4,))
    plain = network({"dense": {"units": 3}}, shape=(4,))
    inputs = torch.ones(2, 4)
    assert torch.equal(built(inputs), plain(inputs))
    assert torch.equal(built.probabilities(inputs), torch.softmax(plain(inputs), dim=1))


def test_a_layer_list_survives_the_way_through_json_with_every_default():
    layers = lists.parse(
        [{"conv2d": {"filters": 2, "kernel": 3}}, "max_pool2d", "flatten", {"dense": {"units": 3}}], "layers"
    )
    entries = lists.to_json(layers)
    assert entries[0] == {
        "conv2d": {
            "filters": 2, "kernel": [3, 3], "stride": [1, 1], "padding": "valid", "activation": "linear",
            "use_bias": True, "initializer": "keras",
        }
    }  # fmt: skip
    assert lists.parse(entries, "layers") == layers


@pytest.mark.parametrize(
    "size", [0, 257, 2.5, "3", [1, 2, 3], [0, 1], True, [], None]
)  # fmt: skip
def test_a_window_is_one_positive_integer_or_two(size):
    with pytest.raises(errors.InvalidArgument, match="must be an integer from 1 to 256, or a pair"):
        lists.parse([{"max_pool2d": {"size": size}}], "layers")


def test_a_summary_describes_options_that_differ_from_the_usual():
    built = network(
        {"conv2d": {"filters": 2, "kernel": [3, 1], "stride": 2, "padding": "same", "activation": "tanh"}},
        {"max_pool2d": {"size": 2, "stride": 1}},
        shape=(8, 8, 1),
    )
    details = [row.detail for row in networks.summarise(built)]
    assert details == ["2 filters 3×1, stride 2×2, same padding, tanh", "2×2, stride 1×1"]


def test_building_takes_no_memory():
    built = networks.build(lists.parse(["flatten", {"dense": {"units": 65_536}}], "layers"), (256, 256, 3))
    assert all(parameter.is_meta for parameter in built.parameters())
    assert networks.summarise(built)[1].parameters == 256 * 256 * 3 * 65_536 + 65_536
