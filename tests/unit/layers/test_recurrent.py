"""Recurrent layers compute Keras's equations, with Keras's masks and counts."""

from __future__ import annotations

import itertools

import pytest
import torch

from bessemer_server.layers import gru, lists, lstm, networks

INPUTS, UNITS, LENGTH, COUNT = 3, 5, 7, 4


def lstm_by_keras(cell, inputs, input_masks, masks):
    """Keras's LSTMCell.call with implementation 1, step by step; gates i, f, c, o."""
    kernels = cell.kernel.chunk(4)
    recurrent = cell.recurrent_kernel.chunk(4)
    biases = cell.bias.chunk(4)
    state = carry = inputs.new_zeros(len(inputs), cell.units)
    states = []
    for step in inputs.unbind(1):
        i, f, c, o = (
            (step * input_masks[g]) @ kernels[g].T + biases[g] + (state * masks[g]) @ recurrent[g].T
            for g in range(4)
        )
        carry = torch.sigmoid(f) * carry + torch.sigmoid(i) * torch.tanh(c)
        state = torch.sigmoid(o) * torch.tanh(carry)
        states.append(state)
    return torch.stack(states, dim=1)


def gru_by_keras(cell, inputs, input_masks, masks):
    """Keras's GRUCell.call with implementation 1 and reset_after, step by step; gates r, z, h here."""
    kernels = cell.kernel.chunk(3)
    recurrent = cell.recurrent_kernel.chunk(3)
    biases, recurrent_biases = cell.bias.chunk(3), cell.recurrent_bias.chunk(3)
    state = inputs.new_zeros(len(inputs), cell.units)
    states = []
    for step in inputs.unbind(1):
        x = [(step * input_masks[g]) @ kernels[g].T + biases[g] for g in range(3)]
        h = [(state * masks[g]) @ recurrent[g].T + recurrent_biases[g] for g in range(3)]
        reset, update = torch.sigmoid(x[0] + h[0]), torch.sigmoid(x[1] + h[1])
        state = update * state + (1 - update) * torch.tanh(x[2] + reset * h[2])
        states.append(state)
    return torch.stack(states, dim=1)


CELLS = pytest.mark.parametrize(
    ("kind", "by_keras"), [(lstm.LstmCell, lstm_by_keras), (gru.GruCell, gru_by_keras)], ids=["lstm", "gru"]
)


def drawn(kind, dtype):
    """A cell with all of its weights drawn, and inputs."""
    draw = torch.Generator().manual_seed(3)
    cell = kind(INPUTS, UNITS).to(dtype)
    for parameter in cell.parameters():
        torch.nn.init.normal_(parameter, generator=draw)
    inputs = torch.randn(COUNT, LENGTH, INPUTS, dtype=dtype, generator=draw, requires_grad=True)
    return cell, inputs


def mask(*shape):
    draw = torch.Generator().manual_seed(sum(shape))
    return torch.empty(shape, dtype=torch.float64).bernoulli_(0.7, generator=draw) / 0.7


def gradients(outputs, cell, inputs):
    """Of a sum that weighs each step and unit differently."""
    weights = torch.linspace(-1, 2, outputs.numel(), dtype=outputs.dtype).view_as(outputs)
    return torch.autograd.grad((outputs * weights).sum(), [inputs, *cell.parameters()])


@CELLS
@pytest.mark.parametrize("drops_inputs", [False, True])
def test_masked_steps_and_their_gradients_are_those_of_kerass_equations(kind, by_keras, drops_inputs):
    cell, inputs = drawn(kind, torch.float64)
    masks = mask(cell.gates, COUNT, UNITS)
    input_masks = mask(cell.gates, COUNT, INPUTS) if drops_inputs else None
    found = cell.run_masked(inputs, input_masks, masks)
    expected = by_keras(cell, inputs, [1] * cell.gates if input_masks is None else input_masks, masks)
    torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-11)
    for one, other in zip(gradients(found, cell, inputs), gradients(expected, cell, inputs), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-10)


@CELLS
def test_the_fused_steps_are_those_of_kerass_equations(kind, by_keras):
    cell, inputs = drawn(kind, torch.float32)
    nothing = [1] * cell.gates
    found, expected = cell.run(inputs), by_keras(cell, inputs, nothing, nothing)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    for one, other in zip(gradients(found, cell, inputs), gradients(expected, cell, inputs), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def layer(shape=(LENGTH, INPUTS), kind="lstm", **options):
    built = networks.build(lists.parse([{kind: {"units": UNITS, **options}}], "layers"), shape)
    return networks.initialise(built, lambda index: torch.Generator().manual_seed(index))


def read(network, inputs, key=0):
    network.reseed(lambda index: key + index)
    return network(inputs).detach()


@pytest.mark.parametrize("kind", ["lstm", "gru"])
@pytest.mark.parametrize(("dropout", "recurrent"), [(0, 0), (0.5, 0), (0, 0.5), (0.5, 0.5)])
def test_masks_are_a_function_of_the_key_and_absent_from_predictions(kind, dropout, recurrent):
    network = layer(kind=kind, dropout=dropout, recurrent_dropout=recurrent)
    inputs = torch.randn(COUNT, LENGTH, INPUTS)
    network.train()
    assert torch.equal(read(network, inputs, 1), read(network, inputs, 1))
    assert torch.equal(read(network, inputs, 1), read(network, inputs, 2)) == (not dropout + recurrent)
    network.eval()
    assert torch.equal(read(network, inputs, 1), read(network, inputs, 2))


def without_effect(**options):
    """[samples, steps]: which inputs the states do not depend on."""
    network = layer(shape=(LENGTH, 1), return_sequences=True, dropout=0.5, initializer="torch", **options)
    inputs = torch.ones(400, LENGTH, 1, requires_grad=True)
    network.train().reseed(lambda index: 7)
    (gradient,) = torch.autograd.grad(network(inputs).sum(), inputs)
    return (gradient == 0)[:, :, 0]


def test_an_input_that_is_dropped_is_dropped_at_every_step():
    dropped = without_effect()
    assert torch.equal(dropped.all(dim=1), dropped.any(dim=1))
    assert 0.4 < dropped.float().mean() < 0.6


def test_with_recurrent_dropout_each_of_four_gates_drops_inputs_of_its_own():
    dropped = without_effect(recurrent_dropout=0.01).all(dim=1)
    assert 0.02 < dropped.float().mean() < 0.12  # 0.5⁴ is 0.0625


@pytest.mark.parametrize("kind", ["lstm", "gru"])
@pytest.mark.parametrize("recurrent_dropout", [0, 0.3])
def test_both_directions_are_read_and_laid_side_by_side(kind, recurrent_dropout):
    options = {"kind": kind, "bidirectional": True, "recurrent_dropout": recurrent_dropout}
    inputs = torch.randn(COUNT, LENGTH, INPUTS)
    last = read(layer(**options).train(), inputs)
    states = read(layer(**options, return_sequences=True).train(), inputs)
    assert last.shape == (COUNT, 2 * UNITS)
    assert states.shape == (COUNT, LENGTH, 2 * UNITS)
    assert torch.equal(last, torch.cat([states[:, -1, :UNITS], states[:, 0, UNITS:]], dim=1))
    alone = read(layer(kind=kind, recurrent_dropout=recurrent_dropout).train(), inputs)
    assert torch.equal(last[:, :UNITS], alone)


def test_initial_weights_are_kerass():
    cell = layer(shape=(4, 300)).get_submodule("0.ahead")
    limit = (6 / (300 + 4 * UNITS)) ** 0.5
    assert 0.98 * limit < cell.kernel.abs().max() <= limit
    torch.testing.assert_close(cell.recurrent_kernel.T @ cell.recurrent_kernel, torch.eye(UNITS))
    assert cell.bias.tolist() == [0.0] * UNITS + [1.0] * UNITS + [0.0] * 2 * UNITS


def test_initial_weights_of_torch_are_bounded_by_the_units():
    cell = layer(initializer="torch").get_submodule("0.ahead")
    weights = list(itertools.chain(*(p.flatten().tolist() for p in cell.parameters())))
    assert 0.9 * UNITS**-0.5 < max(map(abs, weights)) <= UNITS**-0.5
    assert cell.bias.any()


def test_embeddings_are_drawn_as_keras_draws_them_and_looked_up_by_id():
    built = networks.build(lists.parse([{"embedding": {"vocabulary": 500, "units": 4}}], "l"), (3,))
    network = networks.initialise(built, lambda index: torch.Generator().manual_seed(index))
    table = network.get_parameter("0.weight")
    assert 0.049 < table.abs().max() <= 0.05
    assert torch.equal(network(torch.tensor([[0, 499, 1]])), table[[0, 499, 1]][None])
