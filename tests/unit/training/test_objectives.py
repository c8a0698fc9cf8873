"""Losses, class weights and metrics in whole runs."""

from __future__ import annotations

import json

import numpy as np
import pytest
import sklearn.metrics

from bessemer_server.data import sources, splits
from bessemer_server.domain import errors, metrics
from bessemer_server.layers import networks
from bessemer_server.training import inference, resolving
from tests.unit.training import recording

TUMOURS = {
    "architecture": "mlp",
    "dataset": "breast_cancer",
    "epochs": 3,
    "seed": 1,
    "options": {"hidden": [8]},
}
ONE_UNIT = {
    **TUMOURS, "architecture": "sequential", "loss": "binary_cross_entropy", "optimizer": {"learning_rate": 0.01},
    "options": {"layers": [
        {"dense": {"units": 8, "activation": "relu"}}, {"dense": {"units": 1, "activation": "sigmoid"}}
    ]},
}  # fmt: skip


def violations(spec):
    with pytest.raises(errors.InvalidArgument) as caught:
        resolving.resolve(spec)
    return {violation.field: violation.description for violation in caught.value.violations}


def test_one_sigmoid_unit_learns_two_classes_and_publishes_a_probability_of_each(tmp_path):
    outcome, recorder = recording.train(ONE_UNIT)
    assert outcome.weights["1.weight"].shape == (1, 8)
    assert recorder.values(metrics.Scope.TEST, "test/accuracy")[0] > 0.85
    definition = json.loads(json.dumps(outcome.definition))  # as a store gives it back
    source = sources.REGISTRY.get("breast_cancer")
    test = splits.split(*source.load(sources.Folders(None, tmp_path)), source.info, 0.1, 0.2).test
    assert test is not None
    model = inference.InferenceModel(definition, outcome.weights, "cpu")
    probabilities = model.predict({"features": test.inputs})["probabilities"]
    assert probabilities.shape == (len(test), 2)
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-6)
    loss = sklearn.metrics.log_loss(test.labels, probabilities[:, 1])
    assert recorder.values(metrics.Scope.TEST, "test/loss") == pytest.approx([loss], rel=1e-4)


def test_an_architecture_ends_in_one_unit_for_binary_cross_entropy():
    layers = resolving.resolve({**TUMOURS, "loss": "binary_cross_entropy"}).network.layers
    assert layers[-1].options.model_dump()["units"] == 1
    assert layers[-1].activation == "sigmoid"


@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy"])
def test_numpy_mlp_learns_by_the_losses_of_mlp(loss):
    spec = {**TUMOURS, "loss": loss, "metrics": ["f1", "roc_auc"]}
    ours, our_recorder = recording.train({**spec, "architecture": "numpy_mlp"})
    theirs, their_recorder = recording.train(spec)
    for name in ("train/loss", "val/loss", "val/accuracy", "train/f1", "val/roc_auc"):
        found = our_recorder.values(metrics.Scope.EPOCH, name)
        assert len(found) == 3
        assert found == pytest.approx(their_recorder.values(metrics.Scope.EPOCH, name), rel=1e-3), name
    assert ours.definition == theirs.definition


def test_each_metric_is_there_for_each_epoch_and_the_test():
    names = ["top_3_accuracy", "precision", "recall", "f1", "roc_auc"]
    spec = {"architecture": "mlp", "dataset": "digits", "epochs": 2, "metrics": names, "batch_size": 100}
    _, recorder = recording.train(spec)
    for name in names:
        for split in ("train", "val"):
            assert len(recorder.values(metrics.Scope.EPOCH, f"{split}/{name}")) == 2
        assert len(recorder.values(metrics.Scope.TEST, f"test/{name}")) == 1
    top, best = (recorder.values(metrics.Scope.TEST, f"test/{n}")[0] for n in ("top_3_accuracy", "accuracy"))
    assert 0.5 < best < top <= 1


def test_metrics_change_nothing_of_what_is_learnt():
    plain, _ = recording.train(TUMOURS)
    measured, _ = recording.train({**TUMOURS, "metrics": ["f1", "roc_auc"]})
    assert all((plain.weights[name] == array).all() for name, array in measured.weights.items())


def test_class_weights_move_what_is_predicted():
    def share_of_malignant(weights):
        _, recorder = recording.train({**TUMOURS, "class_weights": weights, "metrics": ["recall"]})
        return recorder.values(metrics.Scope.EPOCH, "train/recall")[-1]

    plain = recording.train({**TUMOURS, "class_weights": {"benign": 1.0, "malignant": 1.0}})[0]
    assert all(np.array_equal(recording.train(TUMOURS)[0].weights[n], a) for n, a in plain.weights.items())
    # With one class alone that counts, it alone is predicted: of the other no sample is found.
    assert share_of_malignant({"benign": 0.0, "malignant": 50.0}) < share_of_malignant("balanced")


def test_early_stopping_may_watch_a_metric_which_shall_rise():
    rule = {"monitor": "val/roc_auc", "patience": 1, "min_delta": 1.0}
    spec = {**TUMOURS, "epochs": 9, "metrics": ["roc_auc"], "early_stopping": rule}
    _, recorder = recording.train(spec)
    assert len(recorder.values(metrics.Scope.EPOCH, "val/roc_auc")) == 2


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"loss": "crossentropy"}, "loss", "did you mean cross_entropy"),
        ({"dataset": "digits", "loss": "binary_cross_entropy"}, "loss", "for 2 classes, but digits has 10"),
        ({"metrics": ["top_5_accuracy"]}, "metrics[0]", "would always be 1 for 2 classes"),
        ({"metrics": ["presicion"]}, "metrics[0]", "did you mean precision"),
        ({"class_weights": {"bening": 2.0}}, "class_weights.bening", "did you mean benign"),
        ({"class_weights": {"benign": -2.0}}, "class_weights.benign", "at least 0"),
        ({"label_smoothing": 1.0}, "label_smoothing", "must be less than 1"),
        ({"early_stopping": {"monitor": "val/f1"}}, "early_stopping.monitor", "add 'f1' to metrics"),
        ({"early_stopping": {"monitor": "val/los"}}, "early_stopping.monitor", "did you mean val/loss"),
        (
            {"early_stopping": {"monitor": "val/f1"}, "metrics": ["f1"], "validation_split": 0},
            "early_stopping.monitor",
            "watch train/f1",
        ),
        ({"architecture": "numpy_mlp", "loss": "mse"}, "loss", "must be one of binary_cross_entropy, cross"),
        (
            {"architecture": "numpy_mlp", "label_smoothing": 0.1},
            "label_smoothing",
            "in NumPy does not have it",
        ),
    ],
)
def test_what_cannot_be_learnt_or_measured_is_refused_by_its_path(changes, field, words):
    found = violations({**TUMOURS, **changes})
    assert list(found) == [field]
    assert words in found[field]


def test_one_unit_is_refused_where_each_class_needs_a_score():
    found = violations({**ONE_UNIT, "loss": "cross_entropy"})
    assert "use binary_cross_entropy or mse, or end with 2 outputs and softmax" in found["loss"]
    three = violations({**ONE_UNIT, "dataset": "iris", "loss": "mse"})
    assert "it must give 3 outputs" in three["options.layers[1]"]


def test_a_generator_takes_no_loss_and_no_metrics():
    spec = {"architecture": "dcgan", "dataset": "digits"}
    with pytest.raises(errors.InvalidArgument) as caught:
        resolving.resolve({**spec, "loss": "binary_cross_entropy", "metrics": ["top_99_accuracy"]})
    assert [violation.field for violation in caught.value.violations] == ["loss", "metrics"]


def test_one_unit_reads_films_reviews_too():
    reviews = {"architecture": "lstm_classifier", "dataset": "imdb", "loss": "binary_cross_entropy"}
    network = resolving.resolve(reviews).network
    assert sum(row.parameters for row in networks.summarise(network)) == 1_117_506 - 129
