"""Promise: stopped at any step, any number of times, a run ends with the bytes of the run that never
stopped."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from bessemer_server.domain import jobs, metrics
from bessemer_server.training import loop
from tests.unit.training import recording

DIGITS = {
    "dataset": "digits",
    "seed": 7,
    "batch_size": 100,
    "test_split": 0.6,  # few training samples: many epochs in little time
}
QUICK = {**DIGITS, "architecture": "mlp", "options": {"hidden": [16]}, "epochs": 2}
SPECS = {
    "convolutions, dropout, adam": {
        **DIGITS, "architecture": "mnist_cnn", "options": {"filters": [4, 8], "units": 16}, "epochs": 2
    },
    "momentum": {
        **DIGITS, "architecture": "mlp", "options": {"hidden": [16, 16], "dropout": 0.3}, "epochs": 3,
        "optimizer": {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": True},
    },
    "in numpy": {
        **DIGITS, "architecture": "numpy_mlp", "options": {"hidden": [16], "dropout": 0.3}, "l2": 0.01, "epochs": 3
    },
    "metrics, class weights, smoothed": {
        **QUICK, "metrics": ["f1", "roc_auc", "top_2_accuracy"], "class_weights": "balanced", "label_smoothing": 0.1,
        "early_stopping": {"monitor": "train/f1"},
    },
    "one unit, metrics, in numpy": {
        "architecture": "numpy_mlp", "dataset": "breast_cancer", "epochs": 2, "batch_size": 50, "options": {"hidden": [8]},
        "loss": "binary_cross_entropy", "metrics": ["f1", "roc_auc"],
    },
    "plain sgd": {
        **DIGITS, "architecture": "mlp", "options": {"hidden": []}, "epochs": 2,
        "optimizer": {"kind": "sgd"}, "validation_split": 0,
    },
    "batch normalisation": {
        **DIGITS, "architecture": "sequential", "epochs": 2,
        "options": {"layers": [
            "batch_norm", "flatten", {"dense": {"units": 8}}, "batch_norm", {"dense": {"units": 10}}
        ]},
    },
    "adamw": {**QUICK, "optimizer": {"kind": "adamw"}},
    "rmsprop": {**QUICK, "optimizer": {"kind": "rmsprop", "momentum": 0.5, "centered": True}},
    "cosine": {**QUICK, "schedule": {"kind": "cosine", "warmup_epochs": 0.5}},
    "exponential": {**QUICK, "schedule": {"kind": "exponential", "factor": 0.5}},
    "stairs": {**QUICK, "schedule": {"kind": "step", "every": 1, "warmup_steps": 2}},
    "adagrad": {**QUICK, "optimizer": {"kind": "adagrad"}},
    "early stopping": {
        **DIGITS, "architecture": "mlp", "options": {"dropout": 0.9}, "epochs": 30,
        "optimizer": {"kind": "adam", "learning_rate": 0.05},
        "early_stopping": {"monitor": "val/accuracy", "patience": 2, "min_delta": 0.01},
    },
}  # fmt: skip


def carried(snapshot: loop.Snapshot) -> loop.Snapshot:
    """The snapshot as a store gives it back: its state through JSON, its tensors read-only."""
    tensors = {
        name: np.frombuffer(array.tobytes(), array.dtype).reshape(array.shape)
        for name, array in snapshot.tensors.items()
    }
    return loop.Snapshot(snapshot.epoch, snapshot.step, tensors, json.loads(json.dumps(snapshot.state)))


def train_in_pieces(spec, seed):
    """Preempt after a random number of steps, again and again, until the run ends by itself."""
    draw = random.Random(seed)
    recorder, resume, stops = recording.Recorder(), None, []
    while True:
        piece = recording.Recorder(stop_after=draw.randint(0, 9))
        outcome = loop.run(spec, recording.environment(), piece, resume)
        for key, point in piece.points.items():
            assert recorder.points.setdefault(key, point) == point, (
                "a point that came again has another value"
            )
        if isinstance(outcome, loop.Trained):
            return outcome, recorder, stops
        assert outcome == loop.Stopped(jobs.Command.PREEMPT)
        if piece.snapshots:
            resume = carried(piece.snapshots[-1])
            stops.append(resume.step)


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("seed", range(3))
def test_a_run_in_pieces_ends_with_the_bytes_and_metrics_of_the_whole_run(name, seed):
    whole, recorder = recording.train(SPECS[name])
    pieces, recorder_of_pieces, stops = train_in_pieces(SPECS[name], seed)
    assert len(stops) > 1
    assert {n: a.tobytes() for n, a in pieces.weights.items()} == {
        n: a.tobytes() for n, a in whole.weights.items()
    }
    assert pieces.definition == whole.definition
    assert recorder_of_pieces.points == recorder.points


def test_a_run_keeps_its_number_of_threads_where_a_trainer_now_has_another():
    spec = SPECS["convolutions, dropout, adam"]
    snapshot = carried(recording.stop(spec, recording.Recorder(stop_after=3)))
    weights = []
    for threads, resume in ((1, None), (2, snapshot), (2, None)):
        run = loop.run(spec, recording.environment(threads), recording.Recorder(), resume)
        assert isinstance(run, loop.Trained)
        weights.append({name: array.tobytes() for name, array in run.weights.items()})
    assert weights[0] == weights[1]
    assert weights[0] != weights[2], "the number of threads makes no difference here, so nothing was shown"


def test_a_snapshot_of_each_epoch_leads_to_the_same_end():
    whole, recorder = recording.train(SPECS["early stopping"])
    for snapshot in recorder.snapshots:
        resumed, _ = recording.train(SPECS["early stopping"], resume=carried(snapshot))
        assert all((resumed.weights[n] == a).all() for n, a in whole.weights.items())


def test_preemption_saves_the_step_that_was_done_last():
    recorder = recording.Recorder(stop_after=3)
    loop.run(SPECS["momentum"], recording.environment(), recorder)
    (snapshot,) = recorder.snapshots
    assert (snapshot.epoch, snapshot.step) == (0, 3)
    assert len(recorder.values(metrics.Scope.STEP, "train/loss")) == 3


def test_preemption_before_the_first_step_saves_nothing():
    recorder = recording.Recorder(stop_after=0)
    outcome = loop.run(SPECS["momentum"], recording.environment(), recorder)
    assert outcome == loop.Stopped(jobs.Command.PREEMPT)
    assert not recorder.snapshots


def test_cancelling_stops_without_a_snapshot():
    recorder = recording.Recorder(stop_after=2, command=jobs.Command.CANCEL)
    outcome = loop.run(SPECS["momentum"], recording.environment(), recorder)
    assert outcome == loop.Stopped(jobs.Command.CANCEL)
    assert not recorder.snapshots


def test_a_snapshot_does_not_change_when_the_run_goes_on():
    class Keeper(recording.Recorder):
        def checkpoint(self, snapshot):
            super().checkpoint(snapshot)
            self.bytes = [*getattr(self, "bytes", []), {n: a.tobytes() for n, a in snapshot.tensors.items()}]

    keeper = Keeper()
    recording.train(SPECS["convolutions, dropout, adam"], keeper)
    assert len(keeper.snapshots) == 2
    for snapshot, taken in zip(keeper.snapshots, keeper.bytes, strict=True):
        assert {n: a.tobytes() for n, a in snapshot.tensors.items()} == taken


def test_arrays_of_a_snapshot_are_row_major_and_little_endian():
    recorder = recording.Recorder(stop_after=2)
    loop.run(SPECS["convolutions, dropout, adam"], recording.environment(), recorder)
    tensors = recorder.snapshots[-1].tensors
    assert {name.split("/")[0] for name in tensors} == {"model", "optimizer"}
    for array in tensors.values():
        assert array.flags.c_contiguous
        assert array.dtype.str[0] in "<|"
