"""Layers of images compute what Keras computes."""

from __future__ import annotations

import pytest
import torch

from bessemer_server.layers import lists, networks


def network(*entries, shape):
    built = networks.build(lists.parse(entries, "layers"), shape)
    return networks.initialise(built, lambda layer: torch.Generator().manual_seed(layer))


def image(rows):
    return torch.tensor(rows)[None, None]


def test_padding_of_an_average_pooling_counts_in_no_mean():
    pool = network({"average_pool2d": {"size": 2, "padding": "same"}}, shape=(3, 3, 1))
    out = pool(image([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]))
    assert out.tolist() == [[[[3.0, 4.5], [7.5, 9.0]]]]


def test_global_pooling_keeps_a_number_per_channel():
    inputs = torch.arange(24.0).reshape(2, 3, 2, 2)
    mean = network("global_average_pool2d", shape=(2, 2, 3))(inputs)
    largest = network("global_max_pool2d", shape=(2, 2, 3))(inputs)
    assert mean.tolist() == [[1.5, 5.5, 9.5], [13.5, 17.5, 21.5]]
    assert largest.tolist() == [[3.0, 7.0, 11.0], [15.0, 19.0, 23.0]]


def test_global_pooling_of_a_sequence_keeps_a_number_per_feature():
    inputs = torch.arange(12.0).reshape(2, 3, 2)
    mean = network("global_average_pool1d", shape=(3, 2))
    assert mean.output_shapes == ((2,),)
    assert mean(inputs).tolist() == [[2.0, 3.0], [8.0, 9.0]]
    assert network("global_max_pool1d", shape=(3, 2))(inputs).tolist() == [[4.0, 5.0], [10.0, 11.0]]


def test_a_layer_without_bias_is_the_map_of_its_weights_alone():
    inputs = torch.rand(2, 3, 4, 4)
    for kind in ("conv2d", "conv2d_transpose"):
        built = network({kind: {"filters": 2, "kernel": 3, "use_bias": False}}, shape=(4, 4, 3))
        assert [name for name, _ in built.named_parameters()] == ["0.weight"]
        assert not built(torch.zeros_like(inputs)).any()
    dense = network({"dense": {"units": 2, "use_bias": False}}, shape=(3,))
    torch.testing.assert_close(dense(inputs[:, :, 0, 0]), inputs[:, :, 0, 0] @ dense[0].weight.T)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4, [3, 2]])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_a_transposed_convolution_is_the_gradient_of_the_convolution(padding, kernel, stride):
    options = {"filters": 1, "kernel": kernel, "stride": stride, "padding": padding}
    transposed = network({"conv2d_transpose": options}, shape=(4, 5, 1))
    height, width, _ = transposed.output_shapes[-1]
    if padding == "same":
        assert (height, width) == (4 * stride, 5 * stride)
    straight = network({"conv2d": options}, shape=(height, width, 1))
    assert straight.output_shapes[-1] == (4, 5, 1)
    with torch.no_grad():
        straight[0].weight.copy_(transposed[0].weight)
    below = torch.zeros(2, 1, height, width, requires_grad=True)
    above = torch.rand(2, 1, 4, 5)
    (gradient,) = torch.autograd.grad(straight(below), below, above)
    torch.testing.assert_close(transposed(above), gradient)


def test_upsampling_repeats_or_blends_pixels():
    rows = image([[0.0, 4.0]])
    repeated = network({"upsample": {"size": [1, 2]}}, shape=(1, 2, 1))(rows)
    blended = network({"upsample": {"size": [1, 2], "interpolation": "bilinear"}}, shape=(1, 2, 1))(rows)
    assert repeated.tolist() == [[[[0.0, 0.0, 4.0, 4.0]]]]
    assert blended.tolist() == [[[[0.0, 1.0, 3.0, 4.0]]]]


def test_a_reshape_there_and_back_changes_nothing():
    inputs = torch.rand(2, 3, 4, 4)
    there = {"reshape": {"shape": [-1]}}
    back = {"reshape": {"shape": [4, 4, 3]}}
    assert torch.equal(network(there, back, shape=(4, 4, 3))(inputs), inputs)
    assert torch.equal(network(there, shape=(4, 4, 3))(inputs), network("flatten", shape=(4, 4, 3))(inputs))
