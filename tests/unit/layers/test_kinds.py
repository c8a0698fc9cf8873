"""Every kind of layer, whoever added it: found by the registry, tested on each typical shape that it takes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bessemer_server.layers import kinds, lists, networks

SHAPES = [(6,), (5, 4), (8, 8, 3)]
"""A table or the ids of a text, a sequence, and an image."""


def examples(kind):
    return kind.options.model_json_schema().get("examples", [{}])


def cases():
    """A layer list for each example of each kind, and each typical shape that it takes."""
    for kind in kinds.REGISTRY:
        for number, options in enumerate(examples(kind)):
            layers = lists.parse([{kind.name: options}], "layers")
            for shape in SHAPES:
                try:
                    networks.build(layers, shape)
                except networks.ImpossibleLayer:
                    continue
                yield pytest.param(layers, shape, id=f"{kind.name}-{number}-{len(shape)}d")


CASES = list(cases())


def build(layers, shape, seed=1):
    network = networks.build(layers, shape)
    return networks.initialise(network, lambda layer: torch.Generator().manual_seed(seed + layer))


def samples(layers, shape, count=3):
    """As training gives them: images as NCHW."""
    draw = torch.Generator().manual_seed(9)
    if layers[0].kind.takes_ids:
        return torch.randint(0, 10, (count, *shape), generator=draw)
    values = torch.rand(count, *shape, generator=draw)
    return values.movedim(-1, 1) if len(shape) == 3 else values


def step(network, inputs, key):
    """One step down the gradient, of a length that no network bursts at; the outputs before it."""
    network.train()
    network.reseed(lambda layer: key + layer)
    network.zero_grad()
    outputs = network(inputs)
    if outputs.requires_grad:
        outputs.square().sum().backward()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.sub_(parameter.grad / parameter.grad.norm().clamp_min(1e-12), alpha=0.01)
    return outputs.detach()


@pytest.mark.parametrize("kind", list(kinds.REGISTRY), ids=lambda kind: kind.name)
def test_every_kind_takes_a_typical_shape_with_each_of_its_examples(kind):
    ids = {case.id.rsplit("-", 1)[0] for case in CASES}
    assert {f"{kind.name}-{number}" for number in range(len(examples(kind)))} <= ids
    assert kind.description.endswith(".")


@pytest.mark.parametrize(("layers", "shape"), CASES)
def test_every_layer_gives_the_shape_that_it_plans(layers, shape):
    network = build(layers, shape)
    for training in (True, False):
        network.train(training).reseed(lambda layer: layer)
        for count in (1, 3):
            outputs = network(samples(layers, shape, count))
            outputs = outputs.movedim(1, -1) if outputs.ndim == 4 else outputs
            assert tuple(outputs.shape) == (count, *network.output_shapes[-1])
            assert torch.isfinite(outputs).all()


@pytest.mark.parametrize(("layers", "shape"), CASES)
def test_every_layer_learns_the_same_from_the_same_keys(layers, shape):
    first, second = build(layers, shape), build(layers, shape)
    torch.manual_seed(5)  # must not matter
    inputs = samples(layers, shape)
    for key in range(3):
        assert torch.equal(step(first, inputs, key), step(second, inputs, key))
    assert all(torch.equal(t, second.state_dict()[name]) for name, t in first.state_dict().items())


@pytest.mark.parametrize(("layers", "shape"), CASES)
def test_every_layer_moves_all_of_its_parameters_when_it_learns(layers, shape):
    network = build(layers, shape)
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    step(network, samples(layers, shape), key=1)
    for name, parameter in network.named_parameters():
        assert torch.isfinite(parameter).all()
        assert not torch.equal(parameter, before[name]), name


@pytest.mark.parametrize(("layers", "shape"), CASES)
def test_the_state_of_every_layer_is_all_that_its_predictions_and_further_steps_depend_on(layers, shape):
    network, inputs = build(layers, shape), samples(layers, shape)
    step(network, inputs, key=1)
    state = {name: torch.tensor(tensor.numpy()) for name, tensor in network.state_dict().items()}
    other = networks.build(layers, shape)
    other.load_state_dict(state, assign=True)
    assert torch.equal(step(network, inputs, key=2), step(other, inputs, key=2))
    assert torch.equal(network.eval()(inputs), other.eval()(inputs))


@pytest.mark.parametrize(("layers", "shape"), CASES)
def test_every_layer_counts_what_is_saved(layers, shape):
    (row,) = networks.summarise(networks.build(layers, shape))
    saved = build(layers, shape).state_dict().values()
    assert row.parameters == sum(tensor.numel() for tensor in saved)
    assert 0 <= row.trainable_parameters <= row.parameters


@pytest.mark.parametrize(("layers", "shape"), CASES)
def test_options_survive_the_way_through_json(layers, shape):
    assert lists.parse(lists.to_json(layers), "layers") == layers


@pytest.mark.parametrize("kind", list(kinds.REGISTRY), ids=lambda kind: kind.name)
def test_every_kind_of_layer_names_an_activation_option_that_it_has(kind):
    assert kind.activation is None or kind.activation in kind.options.model_fields


@pytest.mark.parametrize(
    ("entry", "shape", "parameters", "trainable"),
    [
        ({"dense": {"units": 128}}, (784,), 784 * 128 + 128, None),
        ({"dense": {"units": 3}}, (5, 4), 4 * 3 + 3, None),
        ({"conv2d": {"filters": 32, "kernel": [3, 5]}}, (9, 9, 3), 3 * 5 * 3 * 32 + 32, None),
        ({"conv2d_transpose": {"filters": 16, "kernel": 4, "stride": 2}}, (7, 7, 8), 4 * 4 * 8 * 16 + 16, None),
        ({"batch_norm": {}}, (8, 8, 64), 4 * 64, 2 * 64),
        ({"layer_norm": {}}, (8, 8, 64), 2 * 64, None),
        ({"embedding": {"vocabulary": 10_000, "units": 100}}, (100,), 10_000 * 100, None),
        ({"lstm": {"units": 128}}, (100, 100), 4 * 128 * (100 + 128 + 1), None),
        ({"lstm": {"units": 8, "bidirectional": True}}, (9, 3), 2 * 4 * 8 * (3 + 8 + 1), None),
        ({"gru": {"units": 128}}, (100, 100), 3 * (128 * (100 + 128) + 2 * 128), None),
    ],
)  # fmt: skip
def test_parameters_are_counted_as_keras_counts_them(entry, shape, parameters, trainable):
    (row,) = networks.summarise(networks.build(lists.parse([entry], "layers"), shape))
    assert (row.parameters, row.trainable_parameters) == (parameters, trainable or parameters)


@pytest.mark.parametrize(
    ("entries", "shape", "index", "reason"),
    [
        (["flatten", "max_pool2d"], (8, 8, 1), 1, "its input is flat: put it before flatten"),
        ([{"conv2d": {"filters": 2, "kernel": 3}}], (5, 4), 0, "its input is a sequence"),
        (["global_average_pool2d"], (5, 4), 0, "its input is a sequence"),
        ([{"dense": {"units": 2}}], (8, 8, 1), 0, "it needs a flat input: put flatten before it"),
        ([{"reshape": {"shape": [5, -1]}}], (8, 8, 1), 0, "64 values do not fill .* takes a multiple of 5"),
        ([{"reshape": {"shape": [5, 5]}}], (8, 8, 1), 0, r"do not fill the shape \(5, 5\), which takes 25"),
        ([{"lstm": {"units": 2}}], (8, 8, 1), 0, "needs a sequence .* its input is an image"),
        ([{"gru": {"units": 2}}], (8,), 0, "its input is flat: put an embedding before it, or a reshape"),
        ([{"embedding": {"vocabulary": 9, "units": 2}}], (8, 8, 1), 0, "it needs the token ids of a text"),
        (["average_pool2d"], (1, 8, 1), 0, "2×2 window is larger than the 1×8 image"),
    ],
)
def test_an_impossible_layer_is_named_with_the_reason(entries, shape, index, reason):
    with pytest.raises(networks.ImpossibleLayer, match=reason) as caught:
        networks.build(lists.parse(entries, "layers"), shape)
    assert caught.value.index == index
    assert str(caught.value).startswith(f"layer {index} (")


def test_biases_start_at_zero_in_keras_and_anywhere_in_torch():
    for kind in ("dense", "conv2d", "conv2d_transpose"):
        options, shape = examples(kinds.REGISTRY.get(kind))[0], (8,) if kind == "dense" else (8, 8, 3)
        keras = build(lists.parse([{kind: options}], "layers"), shape)[0]
        torch_ = build(lists.parse([{kind: {**options, "initializer": "torch"}}], "layers"), shape)[0]
        assert not keras.bias.any()
        limit = float(np.prod(torch_.weight.shape[1:]) ** -0.5)
        assert torch_.bias.any()
        assert limit * 0.8 < torch_.weight.abs().max() <= limit
