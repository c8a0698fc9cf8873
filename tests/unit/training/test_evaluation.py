"""Measuring a published model on a split."""

from __future__ import annotations

import json

import numpy as np
import pytest
import sklearn.metrics

from bessemer_server.data import digits, sources
from bessemer_server.domain import errors
from bessemer_server.training import evaluation, inference, pending, subsets
from tests.unit.training import recording

SPEC = {"architecture": "mlp", "dataset": "digits", "epochs": 3, "seed": 1}


@pytest.fixture(scope="module")
def trained():
    outcome, recorder = recording.train(SPEC)
    definition = json.loads(json.dumps(outcome.definition))
    return definition, inference.InferenceModel(definition, outcome.weights, "cpu"), recorder


def evaluate(trained, tmp_path, dataset="digits", split="test"):
    definition, model, _ = trained
    published = evaluation.Published(definition, {**SPEC, "validation_split": 0.1, "test_split": 0.2})
    return evaluation.evaluate(
        model, published, sources.REGISTRY.get(dataset), split, sources.Folders(None, tmp_path)
    )


def test_loss_and_accuracy_are_those_that_training_measured(trained, tmp_path):
    found = evaluate(trained, tmp_path)
    measured = {name: p.value for (_, name, _), p in trained[2].points.items() if name.startswith("test/")}
    assert found.metrics["accuracy"] == pytest.approx(measured["test/accuracy"])
    assert found.metrics["loss"] == pytest.approx(measured["test/loss"], rel=1e-4)
    assert found.samples == round(digits.DIGITS.info.train_samples * 0.2)


def test_counts_and_ratios_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 5, 300), rng.integers(0, 4, 300)  # class 4 is never predicted
    probabilities = np.eye(5, dtype=np.float32)[predicted] * 0.6 + 0.08
    metrics, classes = evaluation.measure(probabilities, labels, list("abcde"), {"metrics": ["roc_auc"]})
    matrix = sklearn.metrics.confusion_matrix(labels, predicted, labels=range(5))
    assert [list(c.predicted) for c in classes] == matrix.tolist()
    wanted = sklearn.metrics.precision_recall_fscore_support(
        labels, predicted, labels=range(5), zero_division=0
    )
    for values, name in zip(wanted, ("precision", "recall", "f1"), strict=False):
        assert [getattr(c, name) for c in classes] == pytest.approx(list(values))
        assert metrics[name] == pytest.approx(values.mean())
    assert metrics["loss"] == pytest.approx(sklearn.metrics.log_loss(labels, probabilities, labels=range(5)))
    area = sklearn.metrics.roc_auc_score(labels, probabilities, multi_class="ovr")
    assert metrics["roc_auc"] == pytest.approx(area)


def test_a_sample_of_which_the_network_makes_no_number_is_named_by_its_place_in_the_split(
    monkeypatch, trained, tmp_path
):
    begin = inference.InferenceModel.begin
    asked = []

    def lose(model, inputs):
        answer = begin(model, inputs).result()
        asked.append(inputs)
        if len(asked) == 2:
            answer["probabilities"][7] = np.inf
        return pending.of(answer)

    monkeypatch.setattr(inference.InferenceModel, "begin", lose)
    monkeypatch.setattr(evaluation, "BATCH", 100)
    with pytest.raises(
        errors.InvalidArgument, match="sample 107 of the test split of digits is not a number"
    ):
        evaluate(trained, tmp_path)


def test_each_split_has_its_own_samples(trained, tmp_path):
    sizes = [evaluate(trained, tmp_path, split=split).samples for split in subsets.SPLITS]
    assert sum(sizes) == digits.DIGITS.info.train_samples


@pytest.mark.parametrize(
    ("dataset", "split", "words"),
    [
        ("iris", "test", r"iris has features of shape \(4,\); the model takes image of shape \(8, 8, 1\)"),
        ("digits", "tset", "test"),
    ],
)
def test_what_the_model_cannot_be_measured_on_is_refused(trained, tmp_path, dataset, split, words):
    with pytest.raises(errors.InvalidArgument, match=words):
        evaluate(trained, tmp_path, dataset, split)
