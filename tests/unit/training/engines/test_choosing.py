"""Engines: every one of the registry gives torch's answers, and the fastest of those that do is taken."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from bessemer_server import settings
from bessemer_server.domain import errors, processors
from bessemer_server.layers import kinds as layers
from bessemer_server.layers.options import Options
from bessemer_server.training import inference, published
from bessemer_server.training.engines import choosing, kinds, onnx_runtime, torch_eager
from bessemer_server.training.exchange import samples
from tests.unit.training.exchange import models

ON_CPU = [kind for kind in kinds.REGISTRY if "cpu" in kind.devices]
MODELS = {
    "images": models.publish([{"conv2d": {"filters": 4, "kernel": 3, "activation": "relu"}}], (8, 8, 1)),
    "table": models.publish([{"dense": {"units": 6, "activation": "tanh"}}], (5,)),
    "texts": models.publish(
        [{"embedding": {"vocabulary": 50, "units": 4}}, {"lstm": {"units": 3}}], (9,), 50
    ),
}


def make(name: str = "table") -> published.Published:
    return published.Published(*MODELS[name], torch.device("cpu"))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kind", ON_CPU, ids=lambda kind: kind.name)
def test_every_engine_gives_torchs_answers_for_batches_of_any_size(kind, name):
    engine, reference = kind.build(make(name), 1), torch_eager.TorchEager(make(name))
    for count in (1, 2, 7):
        given = samples.draw(MODELS[name][0], count)
        given.flags.writeable = False  # as inputs from another process are
        assert engine.run(given) == pytest.approx(reference.run(given), abs=1e-5)


def test_the_setting_knows_every_engine():
    known = settings.Settings.model_json_schema()["properties"]["engine"]["enum"]
    assert set(known) == {kinds.AUTO, *kinds.REGISTRY.names()}


class Scripted:
    """An engine that takes as long as it is told."""

    def __init__(self, answer: np.ndarray) -> None:
        self.answer = answer

    def run(self, inputs: np.ndarray) -> np.ndarray:
        return self.answer[: len(inputs)]


def scripted(name, answer):
    return kinds.Kind(name, lambda model, threads: Scripted(answer))


@pytest.fixture
def candidates(monkeypatch):
    """Replaces the engines beside torch."""

    def replace(*others):
        entries = {kind.name: kind for kind in (torch_eager.TORCH, *others)}
        monkeypatch.setitem(vars(kinds.REGISTRY), "_entries", entries)

    return replace


@pytest.fixture
def right():
    return torch_eager.TorchEager(make()).run(samples.draw(MODELS["table"][0], choosing.MIDDLE))


def test_an_engine_that_does_no_work_but_gives_the_right_answers_is_faster_than_torch(candidates, right):
    candidates(scripted("cache", right))
    found = choosing.choose(make(), 1)
    assert found.name == "cache"
    told = found.describe()
    assert told["engine"] == "cache"
    assert set(json.loads(told["engine_us"])) == {"cache", "torch"}
    assert set(json.loads(told["engine_us"])["torch"]) == {"1", "8"}


@pytest.mark.parametrize("wanted", ["auto", "wrong"])
def test_an_engine_that_does_not_agree_is_not_taken_even_if_it_is_asked_for(candidates, right, wanted):
    candidates(scripted("wrong", 1 - right))
    found = choosing.choose(make(), 1, wanted)
    assert found.name == "torch"
    assert json.loads(found.describe()["engine_problems"])["wrong"].startswith(
        "its answer differs from torch's"
    )


def test_an_engine_that_fails_is_not_taken_and_says_why(candidates):
    def fail(model, threads):
        raise RuntimeError("no such operator")

    candidates(kinds.Kind("broken", fail))
    found = choosing.choose(make(), 1)
    assert found.name == "torch"
    assert found.trials["broken"].problem == "RuntimeError: no such operator"


def test_an_engine_for_another_device_is_not_tried(candidates):
    candidates(kinds.Kind("elsewhere", lambda model, threads: pytest.fail("tried"), frozenset({"cuda"})))
    assert choosing.choose(make(), 1).trials.keys() == {"torch"}


@pytest.mark.parametrize("wanted", ["torch", "onnxruntime"])
def test_an_engine_that_is_asked_for_is_taken_without_a_measurement(wanted):
    found = choosing.choose(make(), 1, wanted)
    assert found.name == wanted
    assert found.describe() == {"engine": wanted}


def test_an_engine_that_there_is_not_is_refused_with_those_that_there_are():
    with pytest.raises(
        errors.NotFound, match="there is no engine 'tensorflow'; known are cudagraph, onnxruntime, torch"
    ):
        choosing.choose(make(), 1, "tensorflow")


@pytest.mark.parametrize(("heavy_s", "threads"), [(0.0, 3), (float("inf"), 1)])
def test_a_model_that_is_heavy_to_compute_gets_all_cores(monkeypatch, heavy_s, threads):
    monkeypatch.setattr(onnx_runtime, "HEAVY_S", heavy_s)
    monkeypatch.setattr(processors, "count", lambda: 3)
    assert onnx_runtime.build(make(), 1).threads == threads


def test_a_layer_without_a_form_in_onnx_is_left_to_torch(monkeypatch):
    class Halve(nn.Module):
        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs / 2

    kind = layers.Kind("halve", Options, lambda options, shape: (Halve(), shape))
    monkeypatch.setitem(layers.REGISTRY._entries, "halve", kind)
    model = published.Published(*models.publish(["halve"], (5,)), torch.device("cpu"))
    with pytest.raises(kinds.CannotRun, match=r"layer 0 \(halve\): it has no form in ONNX"):
        onnx_runtime.build(model, 1)
    assert choosing.choose(model, 1).name == "torch"


@pytest.mark.parametrize("engine", [kind.name for kind in ON_CPU])
def test_a_model_of_texts_predicts_from_words_with_every_engine(engine):
    model = inference.InferenceModel(*MODELS["texts"], "cpu", engine)
    assert model.describe()["engine"] == engine
    words = np.array([b"word1 word2", b"nothing known"], dtype=object)
    expected = inference.InferenceModel(*MODELS["texts"], "cpu").predict({"text": words})["probabilities"]
    assert model.predict({"text": words})["probabilities"] == pytest.approx(expected, abs=1e-6)
