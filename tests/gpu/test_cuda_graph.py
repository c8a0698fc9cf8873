"""Recorded forwards give torch's answers for batches of any size, and give their memory back."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bessemer_server.layers import kinds as layers
from bessemer_server.layers.options import Options
from bessemer_server.training import published
from bessemer_server.training.engines import choosing, cuda_graph, kinds, torch_eager
from bessemer_server.training.exchange import agreement, samples
from bessemer_server.worker import resident
from tests.unit.training.exchange import models

DEVICE = torch.device("cuda:0")
MODELS = {
    "images": models.publish(
        [{"conv2d": {"filters": 4, "kernel": 3, "activation": "relu"}}, "batch_norm"], (8, 8, 1)
    ),
    "table": models.publish([{"dense": {"units": 6, "activation": "tanh"}}], (5,)),
    "lstm": models.publish([{"embedding": {"vocabulary": 50, "units": 4}}, {"lstm": {"units": 3}}], (9,), 50),
    "gru": models.publish([{"embedding": {"vocabulary": 50, "units": 4}}, {"gru": {"units": 3}}], (9,), 50),
}


def make(name: str) -> published.Published:
    return published.Published(*MODELS[name], DEVICE)


@pytest.mark.parametrize("name", MODELS)
def test_the_answers_are_torchs_for_batches_of_any_size(name):
    engine, reference = cuda_graph.build(make(name), 1), torch_eager.TorchEager(make(name))
    for count in (1, 2, 3, 7, 64, 33, 5, 65, 200, 1):
        given = samples.draw(MODELS[name][0], count)
        given.flags.writeable = False  # as inputs from another process are
        assert agreement.find_difference(reference.run(given), engine.run(given)) is None


@pytest.mark.parametrize("counts", [(64, 64), (3, 17), (1, 64), (64, 1), (7, 200)])
def test_a_batch_that_begins_before_another_is_done_disturbs_it_not(counts):
    engine, reference = cuda_graph.build(make("images"), 1), torch_eager.TorchEager(make("images"))
    for _ in range(20):
        batches = [samples.draw(MODELS["images"][0], count) for count in counts]
        begun = [engine.begin(batch) for batch in batches]
        answers = [going.result() for going in begun]
        assert all(going.done() for going in begun)
        for given, answer in zip(batches, answers, strict=True):
            assert agreement.find_difference(reference.run(given), answer) is None


@pytest.mark.parametrize("name", MODELS)
def test_it_is_tried_on_a_gpu_and_measured(name):
    found = choosing.choose(make(name), 1)
    assert found.trials.keys() == {"torch", "cudagraph"}
    assert not found.trials["cudagraph"].problem
    assert set(found.trials["cudagraph"].times_us) == {1, choosing.MIDDLE}


def test_a_network_that_looks_at_its_values_is_left_to_torch(monkeypatch):
    class Peek(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs * 2 if float(inputs.sum()) > 0 else inputs

    kind = layers.Kind("peek", Options, lambda options, shape: (Peek(), shape))
    monkeypatch.setitem(layers.REGISTRY._entries, "peek", kind)
    model = published.Published(*models.publish(["peek"], (5,)), DEVICE)
    with pytest.raises(kinds.CannotRun, match="cannot be recorded"):
        cuda_graph.build(model, 1)
    found = choosing.choose(model, 1)
    assert found.name == "torch"
    assert "cannot be recorded" in str(found.trials["cudagraph"].problem)
    test_the_answers_are_torchs_for_batches_of_any_size("images")  # and nothing is left of the attempt


def test_models_that_are_let_go_give_their_memory_back():
    def load() -> int:
        engine = cuda_graph.build(make("images"), 1)
        engine.run(samples.draw(MODELS["images"][0], 64))
        return resident.settle("cuda:0")

    load()  # what libraries keep
    before = resident.settle("cuda:0")
    held = [load() for _ in range(20)]
    assert max(held) <= held[0]
    assert resident.settle("cuda:0") <= before
