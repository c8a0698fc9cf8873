"""Promise: a run may be saved after any step of any architecture, by count or by clock, and each copy is whole: whoever
goes on from it ends with the bytes of the run that never stopped."""

from __future__ import annotations

import itertools
import json
import random

import numpy as np
import pytest

from bessemer_server.architectures import kinds as architectures
from bessemer_server.data import sources
from bessemer_server.domain import errors, jobs
from bessemer_server.training import checkpointing, loop, planning
from bessemer_server.training.config import CheckpointConfig
from tests import tiny_texts
from tests.unit.training import recording

DIGITS = {"dataset": "digits", "seed": 7, "epochs": 2, "batch_size": 100, "test_split": 0.7}
SPECS = {
    "cifar_cnn": {**DIGITS, "options": {"filters": [2, 2], "units": 8}},
    "dcgan": {**DIGITS, "batch_size": 300, "test_split": 0.2, "options": {"filters": 4, "latent": 8}},
    "lstm_classifier": {
        "dataset": "tiny_texts", "seed": 7, "epochs": 2, "batch_size": 8, "options": {"units": 4},
        "text": {"vocabulary": 20, "length": 6},
    },
    "mlp": {**DIGITS, "options": {"hidden": [16], "dropout": 0.3}},
    "mnist_cnn": {**DIGITS, "options": {"filters": [4, 8], "units": 16}},
    "numpy_mlp": {**DIGITS, "options": {"hidden": [16], "dropout": 0.3}},
    "sequential": {
        **DIGITS, "options": {"layers": ["flatten", "batch_norm", {"dropout": {"rate": 0.5}}, {"dense": {"units": 10}}]},
        "metrics": ["f1", "roc_auc"], "class_weights": "balanced", "early_stopping": {"monitor": "train/f1"},
    },
    "transfer": {
        **DIGITS, "batch_size": 10, "test_split": 0.98,
        "options": {"backbone": "mobilenet_v3_small", "weights": "random", "units": 8, "dropout": 0.2},
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def _texts(monkeypatch):
    monkeypatch.setitem(sources.REGISTRY._entries, "tiny_texts", tiny_texts.TINY)


def test_every_architecture_is_tried():
    assert set(SPECS) == set(architectures.REGISTRY.names())


def carried(snapshot):
    """As a store gives it back."""
    tensors = {n: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape) for n, a in snapshot.tensors.items()}
    return loop.Snapshot(snapshot.epoch, snapshot.step, tensors, json.loads(json.dumps(snapshot.state)))


def to_bytes(arrays):
    return {name: array.tobytes() for name, array in arrays.items()}


@pytest.mark.parametrize("name", SPECS)
def test_a_run_that_is_saved_after_each_step_is_the_same_run_and_each_copy_leads_to_its_end(name):
    spec = {"architecture": name, **SPECS[name]}
    whole, plain = recording.train(spec)
    saved_whole, recorder = recording.train({**spec, "checkpoint": {"every_steps": 1}})
    assert to_bytes(saved_whole.weights) == to_bytes(whole.weights)
    assert recorder.points == plain.points
    steps = [snapshot.step for snapshot in recorder.snapshots]
    assert steps == list(range(1, steps[-1] + 1))
    ends = {snapshot.step for snapshot in plain.snapshots}
    amid = [snapshot for snapshot in recorder.snapshots if snapshot.step not in ends]
    for snapshot in random.Random(name).sample(amid, 1 if name == "transfer" else 3):
        resumed, again = recording.train(spec, resume=carried(snapshot))
        assert to_bytes(resumed.weights) == to_bytes(whole.weights)
        assert {key: plain.points[key] for key in again.points} == again.points
        assert min(point.step for point in again.points.values()) == snapshot.step + 1
        ours, theirs = again.snapshots[-1], plain.snapshots[-1]
        assert (to_bytes(ours.tensors), ours.state) == (to_bytes(theirs.tensors), theirs.state)


@pytest.mark.parametrize("name", SPECS)
def test_a_run_that_is_stopped_amid_an_epoch_between_two_checkpoints_ends_with_the_same_bytes(name):
    spec = {"architecture": name, **SPECS[name], "checkpoint": {"every_seconds": 1e-9, "every_epochs": 0}}
    whole, _ = recording.train(spec)
    first = recording.Recorder(stop_after=2)
    assert loop.run(spec, recording.environment(), first) == loop.Stopped(jobs.Command.PREEMPT)
    assert first.snapshots[-1].step == 2
    resumed, _ = recording.train(spec, resume=carried(first.snapshots[-1]))
    assert to_bytes(resumed.weights) == to_bytes(whole.weights)


def saved_steps(**settings):
    spec = {"architecture": "mlp", **SPECS["mlp"], "epochs": 3, "checkpoint": settings}
    _, recorder = recording.train(spec)
    return [snapshot.step for snapshot in recorder.snapshots]


def test_it_is_saved_when_it_was_asked_to():
    assert saved_steps() == [5, 10, 15]
    assert saved_steps(every_epochs=2) == [10]
    assert saved_steps(every_epochs=None) == []
    assert saved_steps(every_epochs=3, every_steps=4) == [4, 8, 12, 15]
    assert saved_steps(every_epochs=0, every_seconds=1e-9) == list(range(1, 16))
    assert saved_steps(every_seconds=1e9) == [5, 10, 15]


def test_a_step_that_comes_while_the_one_before_is_on_its_way_is_made_up_for():
    class Slow(recording.Recorder):
        """Each snapshot is on its way for three questions."""

        left = 0

        def checkpoint(self, snapshot):
            super().checkpoint(snapshot)
            self.left = 3

        @property
        def is_saving(self):
            self.left -= 1
            return self.left >= 0

    slow = Slow()
    spec = {"architecture": "mlp", **SPECS["mlp"], "checkpoint": {"every_epochs": 0, "every_steps": 2}}
    recording.train(spec, slow)
    assert [snapshot.step for snapshot in slow.snapshots] == [2, 7]


def test_the_clock_starts_anew_with_each_checkpoint():
    schedule = checkpointing.Schedule(CheckpointConfig(every_seconds=10), now=100.0)
    assert not schedule.is_due(1, 109.9)
    assert schedule.is_due(2, 110.0)
    schedule.saved(111.0)
    assert not schedule.is_due(3, 120.9)
    assert schedule.is_due(4, 121.0)


@pytest.mark.parametrize(
    ("settings", "path", "sentence"),
    [
        ({"every_epochs": -1}, "every_epochs", "at least 0"),
        ({"every_steps": 0}, "every_steps", "at least 1"),
        ({"every_seconds": 0}, "every_seconds", "greater than 0"),
        ({"keep_last": 0}, "keep_last", "at least 1"),
        ({"keep_worst": True}, "keep_worst", "did you mean"),
        ({"keep_best": "val/los"}, "keep_best", "did you mean val/loss"),
        ({"keep_best": True, "every_epochs": 0, "every_steps": 5}, "keep_best", "end of epochs"),
        ({"keep_every": 5, "every_epochs": 0}, "keep_every", "end of epochs"),
        ({"keep_every": 5, "every_epochs": 2}, "keep_every", "multiple of checkpoint.every_epochs"),
    ],
)
def test_settings_that_cannot_be_kept_to_are_refused_by_path(settings, path, sentence):
    with pytest.raises(errors.InvalidArgument) as caught:
        planning.plan({"architecture": "mlp", **SPECS["mlp"], "checkpoint": settings})
    (violation,) = caught.value.violations
    assert violation.field == f"checkpoint.{path}"
    assert sentence in violation.description


def test_the_best_needs_the_split_that_it_is_measured_on_and_a_generator_has_none():
    for name, changes, sentence in (
        ("mlp", {"validation_split": 0}, "validation_split is 0"),
        ("dcgan", {}, "no metric of dcgan"),
    ):
        spec = {"architecture": name, **SPECS[name], **changes, "checkpoint": {"keep_best": True}}
        with pytest.raises(errors.InvalidArgument) as caught:
            planning.plan(spec)
        (violation,) = caught.value.violations
        assert violation.field == "checkpoint.keep_best"
        assert sentence in violation.description


def test_defaults_are_shown():
    spec = planning.plan(
        {"architecture": "numpy_mlp", **SPECS["numpy_mlp"], "checkpoint": {"keep_best": True}}
    )
    assert spec.effective_spec["checkpoint"] == {
        "every_epochs": 1, "every_steps": None, "every_seconds": None,
        "keep_last": None, "keep_best": "val/loss", "keep_every": None,
    }  # fmt: skip


def test_what_asks_for_nothing_is_saved_each_second_and_later_each_twentieth_of_its_time():
    schedule = checkpointing.Sparing(now=100.0)
    saved = []
    for tick in range(1, 36_001):  # an hour, in tenths
        now = 100.0 + tick / 10
        if schedule.is_due(now):
            schedule.saved(now)
            saved.append(now - 100.0)
    assert saved[:3] == pytest.approx([1.0, 2.0, 3.0])
    gaps = [(after - before) / before for before, after in itertools.pairwise(saved) if before > 60]
    assert max(gaps) < 0.06
    assert len(saved) < 150
