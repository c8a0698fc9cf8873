"""From raw texts to a published model that reads raw texts."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

from bessemer_server.data import sources, splits, text
from bessemer_server.domain import errors, metrics
from bessemer_server.layers import kinds as layers
from bessemer_server.training import inference, loop, planning
from tests import tiny_texts
from tests.unit.training import recording

NOWHERE = sources.Folders(None, pathlib.Path("absent"))


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setitem(sources.REGISTRY._entries, "tiny_texts", tiny_texts.TINY)
    monkeypatch.setitem(layers.REGISTRY._entries, "bag", tiny_texts.BAG)


def strings(*texts):
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return array


def test_a_model_of_texts_learns_and_reads_raw_texts():
    outcome, recorder = recording.train(tiny_texts.SPEC)
    assert recorder.values(metrics.Scope.TEST, "test/accuracy") == [1.0]
    definition = json.loads(json.dumps(outcome.definition))
    assert definition["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    assert definition["preprocessing"]["length"] == 12
    assert set(tiny_texts.PRAISE) <= set(definition["preprocessing"]["words"])
    model = inference.InferenceModel(definition, outcome.weights, "cpu")
    model.warm()
    texts = ["A GREAT film, moving!", "boring and dull", "a word that nobody knows"]
    answer = model.predict({"text": strings(*(one.encode() for one in texts))})["probabilities"]
    assert answer.argmax(axis=1)[:2].tolist() == [1, 0]
    assert answer.shape == (3, 2)
    assert (model.predict({"text": strings(*texts)})["probabilities"] == answer).all()
    with pytest.raises(errors.InvalidArgument, match="input text must be BYTES"):
        model.predict({"text": np.zeros((1, 12), np.int64)})


def test_the_test_accuracy_is_that_of_the_published_model():
    outcome, recorder = recording.train({**tiny_texts.SPEC, "epochs": 2})
    model = inference.InferenceModel(outcome.definition, outcome.weights, "cpu")
    _, test = tiny_texts.read(NOWHERE)
    predicted = model.predict({"text": test.inputs})["probabilities"].argmax(axis=1)
    assert recorder.values(metrics.Scope.TEST, "test/accuracy") == [(predicted == test.labels).mean()]


def test_words_are_learnt_from_the_training_split_alone():
    outcome, _ = recording.train({**tiny_texts.SPEC, "epochs": 1, "validation_split": 0.9, "batch_size": 2})
    samples, test = tiny_texts.read(NOWHERE)
    train = splits.split(samples, test, tiny_texts.TINY.info, 0.9, 0.2).train
    words = outcome.definition["preprocessing"]["words"]
    assert words == text.learn(train.inputs, 40)
    assert set(words) < set(text.learn(samples.inputs, 40))


def test_a_run_on_texts_resumes_bit_by_bit():
    whole, _ = recording.train({**tiny_texts.SPEC, "epochs": 3})
    first = recording.Recorder(stop_after=9)
    assert isinstance(
        loop.run({**tiny_texts.SPEC, "epochs": 3}, recording.environment(), first), loop.Stopped
    )
    resumed, _ = recording.train({**tiny_texts.SPEC, "epochs": 3}, resume=first.snapshots[-1])
    assert {n: a.tobytes() for n, a in resumed.weights.items()} == {
        n: a.tobytes() for n, a in whole.weights.items()
    }
    assert resumed.definition == whole.definition


def test_a_first_layer_for_fewer_words_than_there_are_is_refused():
    spec = {**tiny_texts.SPEC, "text": {"vocabulary": 41}}
    with pytest.raises(errors.InvalidArgument) as caught:
        planning.plan(spec)
    (violation,) = caught.value.violations
    assert violation.field == "options.layers[0]"
    assert violation.description == (
        "bag has a vocabulary of 40, but texts have 41 token ids (text.vocabulary); use at least 41"
    )


DENSE = {"dense": {"units": 2}}
BAG = tiny_texts.SPEC["options"]["layers"][0]


@pytest.mark.parametrize(
    ("dataset", "entries", "field", "words"),
    [
        ("tiny_texts", [DENSE], "options.layers[0]", "dense takes no token ids, .* begin with .*bag"),
        ("tiny_texts", [BAG, BAG, DENSE], "options.layers[1]", "can only be the first layer, for text data"),
        ("breast_cancer", [BAG, DENSE], "options.layers[0]", "can only be the first layer, for text data"),
        ("digits", ["flatten", BAG, {"dense": {"units": 10}}], "options.layers[1]", "can only be the first"),
    ],
)
def test_token_ids_are_for_the_first_layer_of_a_text_and_for_no_other(dataset, entries, field, words):
    settings = tiny_texts.SPEC["text"] if dataset == "tiny_texts" else None
    with pytest.raises(errors.InvalidArgument, match=words) as caught:
        planning.plan(
            {
                "architecture": "sequential",
                "dataset": dataset,
                "options": {"layers": entries},
                "text": settings,
            }
        )
    assert [violation.field for violation in caught.value.violations] == [field]


def test_texts_are_planned_as_token_ids_of_their_length():
    layers = [{"bag": {"vocabulary": 10_000, "units": 4}}, DENSE]
    spec = {**tiny_texts.SPEC, "options": {"layers": layers}, "text": None}
    plan = planning.plan({**spec, "text": {"length": 20}})
    assert plan.input_shape == (20,)
    assert plan.effective_spec["text"] == {"vocabulary": 10_000, "length": 20}
    assert planning.plan(spec).effective_spec["text"] == {"vocabulary": 10_000, "length": 100}
    assert planning.plan(json.loads(json.dumps(plan.effective_spec))) == plan
