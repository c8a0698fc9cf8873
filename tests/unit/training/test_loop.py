"""What a run tells and how it ends."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bessemer_server.domain import errors, jobs, metrics
from bessemer_server.training import failures, loop
from tests.unit.training import recording

IRIS = {"architecture": "mlp", "dataset": "iris", "epochs": 3, "batch_size": 25, "options": {"hidden": [8]}}
STEP, EPOCH, TEST = metrics.Scope.STEP, metrics.Scope.EPOCH, metrics.Scope.TEST


def test_every_step_epoch_and_the_test_have_their_metrics():
    _, recorder = recording.train(IRIS)
    # 150 samples, less 30 for the test and 12 for validation: 108 make five steps, the last one with 8
    # samples.
    assert {scope for scope, *_ in recorder.points} == {STEP, EPOCH, TEST}
    steps = [(p.step, p.epoch) for (s, n, _), p in recorder.points.items() if (s, n) == (STEP, "train/loss")]
    assert steps == [(step, (step - 1) // 5 + 1) for step in range(1, 16)]
    names = {name for scope, name, _ in recorder.points if scope is EPOCH}
    assert names == {
        "train/loss", "train/accuracy", "val/loss", "val/accuracy", "learning_rate"
    }  # fmt: skip
    assert [p.step for (s, n, _), p in recorder.points.items() if (s, n) == (EPOCH, "val/loss")] == [
        5,
        10,
        15,
    ]
    assert {(n, step) for s, n, step in recorder.points if s is TEST} == {
        ("test/loss", 15), ("test/accuracy", 15)
    }  # fmt: skip


def test_an_epochs_loss_is_the_mean_over_its_samples_not_over_its_steps():
    _, recorder = recording.train({**IRIS, "epochs": 1})
    per_step = recorder.values(STEP, "train/loss")
    expected = np.average(per_step, weights=[25, 25, 25, 25, 8])
    assert recorder.values(EPOCH, "train/loss") == [pytest.approx(expected, rel=1e-6)]


def test_without_validation_split_there_are_no_validation_metrics():
    _, recorder = recording.train({**IRIS, "validation_split": 0})
    assert not [name for _, name, _ in recorder.points if name.startswith("val/")]


def test_without_test_split_there_are_no_test_metrics():
    _, recorder = recording.train({**IRIS, "test_split": 0})
    assert not [name for _, name, _ in recorder.points if name.startswith("test/")]


def test_progress_is_told_at_the_end_of_each_epoch():
    _, recorder = recording.train(IRIS)
    ends = [report for report in recorder.reports if report.step % 5 == 0]
    assert [(r.epoch, r.epochs, r.step, r.steps) for r in ends] == [
        (1, 3, 5, 15),
        (2, 3, 10, 15),
        (3, 3, 15, 15),
    ]
    assert all(report.samples_per_second > 0 for report in ends)
    assert ends[-1].eta_s == 0


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    first, _ = recording.train(IRIS)
    again, _ = recording.train(IRIS)
    other, _ = recording.train({**IRIS, "seed": 1})
    assert all((again.weights[name] == array).all() for name, array in first.weights.items())
    assert not (other.weights["0.weight"] == first.weights["0.weight"]).all()


def test_a_run_learns():
    _, recorder = recording.train(
        {
            "architecture": "mlp",
            "dataset": "iris",
            "epochs": 40,
            "optimizer": {"kind": "adam", "learning_rate": 0.01},
        }
    )
    assert recorder.values(TEST, "test/accuracy")[0] >= 0.93


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_mnist_network_learns_the_digits_in_five_epochs(seed):
    spec = {"architecture": "mnist_cnn", "dataset": "digits", "epochs": 5, "seed": seed}
    _, recorder = recording.train(spec)
    assert recorder.values(TEST, "test/accuracy")[0] >= 0.97


def test_a_published_definition_says_all_that_a_predictor_needs():
    outcome, _ = recording.train({**IRIS, "epochs": 1})
    definition = outcome.definition
    assert definition["layers"] == [
        {"dense": {"units": 8, "activation": "relu", "use_bias": True, "initializer": "keras"}},
        {"dense": {"units": 3, "activation": "softmax", "use_bias": True, "initializer": "keras"}},
    ]
    assert definition["labels"] == ["setosa", "versicolor", "virginica"]
    assert definition["inputs"] == [{"name": "features", "datatype": "FP32", "shape": [-1, 4]}]
    assert definition["outputs"] == [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]}]
    assert definition["preprocessing"]["kind"] == "standardize"
    assert outcome.parameters == 4 * 8 + 8 + 8 * 3 + 3


def test_early_stopping_ends_early_and_publishes_the_best_weights():
    spec = {
        **IRIS, "epochs": 200, "optimizer": {"kind": "sgd", "learning_rate": 1.0, "momentum": 0.95},
        "early_stopping": {"monitor": "val/loss", "patience": 2},
    }  # fmt: skip
    outcome, recorder = recording.train(spec)
    losses = recorder.values(EPOCH, "val/loss")
    best = losses.index(min(losses))
    assert len(losses) == best + 3 < 200
    snapshot = recorder.snapshots[best]
    assert all((snapshot.tensors[f"model/{name}"] == a).all() for name, a in outcome.weights.items())
    assert not all(
        (recorder.snapshots[-1].tensors[f"model/{name}"] == a).all() for name, a in outcome.weights.items()
    )


def test_a_loss_that_leaves_the_finite_numbers_fails_with_the_step_and_what_to_do():
    spec = {**IRIS, "epochs": 50, "optimizer": {"kind": "sgd", "learning_rate": 1e6, "momentum": 0.99}}
    with pytest.raises(failures.TrainingFailed) as caught:
        recording.train(spec)
    failure = caught.value.failure
    assert failure.reason is jobs.Reason.NON_FINITE_LOSS
    assert "at step " in failure.message
    assert "the last finite loss was " in failure.message
    assert "optimizer.learning_rate, now 1e+06" in failure.next_step


def test_what_was_recorded_before_a_failure_is_finite():
    recorder = recording.Recorder()
    spec = {**IRIS, "epochs": 50, "optimizer": {"kind": "sgd", "learning_rate": 1e6, "momentum": 0.99}}
    with pytest.raises(failures.TrainingFailed):
        recording.train(spec, recorder)
    assert recorder.points
    assert all(math.isfinite(point.value) for point in recorder.points.values())


def test_a_missing_data_set_fails_and_says_where_it_was_looked_for(tmp_path, monkeypatch):
    from bessemer_server.data import downloads

    def refuse(*_):
        raise downloads.DownloadFailed("no network")

    monkeypatch.setattr(downloads, "fetch", refuse)
    environment = loop.Environment("cpu", 1, tmp_path / "sets", tmp_path / "cache")
    with pytest.raises(failures.TrainingFailed) as caught:
        loop.run({"architecture": "mlp", "dataset": "mnist"}, environment, recording.Recorder())
    failure = caught.value.failure
    assert failure.reason is jobs.Reason.INVALID_DATA
    assert str(tmp_path / "sets" / "MNIST/raw") in failure.message
    assert "--dataset-dir" in failure.next_step


def test_a_specification_that_cannot_be_trained_is_refused():
    with pytest.raises(errors.InvalidArgument):
        recording.train({**IRIS, "epochs": 0})
