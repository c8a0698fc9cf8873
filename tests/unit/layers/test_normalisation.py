"""Normalisation computes what Keras computes."""

from __future__ import annotations

import pytest
import torch

from bessemer_server.layers import lists, networks

SHAPES = {"table": (3,), "sequence": (5, 3), "image": (4, 4, 3)}


def network(entry, shape):
    built = networks.build(lists.parse([entry], "layers"), shape)
    return networks.initialise(built, lambda layer: torch.Generator().manual_seed(layer))


def draw(shape, count=8):
    """[batch, ..., features], as Keras has them, and the same as torch has them."""
    values = 3 + 2 * torch.randn(count, *shape, generator=torch.Generator().manual_seed(1))
    return values, values.movedim(-1, 1) if len(shape) == 3 else values


def last(outputs):
    return outputs.movedim(1, -1) if outputs.ndim == 4 else outputs


@pytest.mark.parametrize("name", SHAPES)
def test_a_batch_is_normalised_by_itself_and_predictions_by_running_means(name):
    values, inputs = draw(SHAPES[name])
    layer = network({"batch_norm": {"momentum": 0.9}}, SHAPES[name])
    axes = tuple(range(values.ndim - 1))
    mean, variance = values.mean(axes), values.var(axes, correction=0)
    torch.testing.assert_close(
        last(layer.train()(inputs)), (values - mean) / (variance + 1e-3).sqrt(), rtol=1e-4, atol=1e-5
    )
    state = layer.state_dict()
    torch.testing.assert_close(state["0.moving_mean"], 0.1 * mean)
    torch.testing.assert_close(state["0.moving_variance"], 0.9 + 0.1 * variance)
    expected = (values - 0.1 * mean) / (0.9 + 0.1 * variance + 1e-3).sqrt()
    torch.testing.assert_close(last(layer.eval()(inputs)), expected)


def test_a_batch_of_one_row_is_all_mean():
    layer = network({"batch_norm": {}}, (3,)).train()
    assert layer(torch.ones(1, 3)).tolist() == [[0.0, 0.0, 0.0]]
    assert torch.isfinite(layer.state_dict()["0.moving_variance"]).all()


@pytest.mark.parametrize("name", SHAPES)
def test_layer_norm_is_over_the_features_of_each_place(name):
    values, inputs = draw(SHAPES[name])
    outputs = last(network({"layer_norm": {}}, SHAPES[name])(inputs))
    mean, variance = values.mean(-1, keepdim=True), values.var(-1, correction=0, keepdim=True)
    torch.testing.assert_close(outputs, (values - mean) / (variance + 1e-3).sqrt())
