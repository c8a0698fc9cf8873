"""Predictions of a published model."""

from __future__ import annotations

import json

import numpy as np
import pytest
import sklearn.datasets

from bessemer_server.data import digits as source
from bessemer_server.data import sources, splits
from bessemer_server.domain import errors, metrics, ports
from bessemer_server.training import inference, pending
from tests.unit.training import recording

SPEC = {
    "architecture": "mnist_cnn", "dataset": "digits", "epochs": 2, "options": {"filters": [8, 8]}
}  # fmt: skip


@pytest.fixture(scope="module")
def model():
    outcome, _ = recording.train(SPEC)
    weights = {n: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape) for n, a in outcome.weights.items()}
    return inference.InferenceModel(json.loads(json.dumps(outcome.definition)), weights, "cpu")


@pytest.fixture(scope="module")
def digits():
    return sklearn.datasets.load_digits()


def test_raw_images_are_told_apart(model, digits):
    images = digits.images.astype(np.uint8)[..., None]
    probabilities = model.predict({"image": images})["probabilities"]
    assert (probabilities.argmax(axis=1) == digits.target).mean() > 0.9


def test_probabilities_are_float32_and_sum_to_one(model, digits):
    probabilities = model.predict({"image": digits.images[:5].astype(np.uint8)[..., None]})["probabilities"]
    assert probabilities.dtype == np.float32
    assert probabilities.sum(axis=1) == pytest.approx(1)


def test_a_prediction_does_not_depend_on_its_neighbours(model, digits):
    images = digits.images[:8].astype(np.uint8)[..., None]
    together = model.predict({"image": images})["probabilities"]
    alone = np.concatenate([model.predict({"image": image[None]})["probabilities"] for image in images])
    assert alone == pytest.approx(together, abs=1e-6)


def test_what_a_network_makes_no_number_of_is_refused_by_its_row(monkeypatch, model, digits):
    images = digits.images[:4].astype(np.uint8)[..., None]
    run = model._choice.engine.run

    def lose_two(array):
        answer = run(array)
        answer[2:] = np.nan
        return answer

    monkeypatch.setattr(model, "_begin", lambda array: pending.of(lose_two(array)))
    with pytest.raises(errors.InvalidArgument, match="row 2 of input image is not a number"):
        model.predict({"image": images})
    assert inference.find_lost(model.begin({"image": images}).result()) == [2, 3]


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ({"y": np.array([1.0, np.inf, 2.0, np.nan], np.float32)}, [1, 3]),
        ({"y": np.array([[0, 1], [2, np.nan]], np.float32), "z": np.array([-np.inf, 0], np.float32)}, [0, 1]),
        ({"y": np.zeros((3, 2), np.uint8)}, []),
        ({"y": np.full((100_000, 4), np.nan, np.float32)}, list(range(ports.MAX_LOST))),
    ],
)
def test_rows_without_numbers_are_found_and_no_more_of_them_than_anybody_needs(outputs, expected):
    assert inference.find_lost(outputs) == expected


def test_dropout_is_off(model, digits):
    images = digits.images[:8].astype(np.uint8)[..., None]
    first, second = (model.predict({"image": images})["probabilities"] for _ in range(2))
    assert (first == second).all()


def test_the_test_accuracy_of_training_is_that_of_the_published_model():
    outcome, recorder = recording.train({**SPEC, "dataset": "digits"})
    model = inference.InferenceModel(outcome.definition, outcome.weights, "cpu")
    train, test = source.DIGITS.load(sources.Folders(None, recording.environment().cache_dir))
    held = splits.split(train, test, source.DIGITS.info, 0.1, 0.2).test
    assert held is not None
    predicted = model.predict({"image": held.inputs})["probabilities"].argmax(axis=1)
    assert recorder.values(metrics.Scope.TEST, "test/accuracy") == [(predicted == held.labels).mean()]


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({"picture": np.zeros((1, 8, 8, 1), np.uint8)}, "the input is image, but given are picture"),
        ({}, "the input is image, but given are none"),
        (
            {"image": np.zeros((1, 8, 8), np.uint8)},
            r"shape \[-1, 8, 8, 1\], but is uint8 of shape \[1, 8, 8\]",
        ),
        ({"image": np.zeros((1, 8, 8, 1), np.float32)}, "must be UINT8"),
    ],
)
def test_an_input_that_does_not_fit_is_refused(model, inputs, sentence):
    with pytest.raises(errors.InvalidArgument, match=sentence):
        model.predict(inputs)
