"""A generator and a discriminator: what they report, that a stop changes nothing, and what is published."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from bessemer_server.data import digits as source
from bessemer_server.domain import errors, metrics
from bessemer_server.domain.pictures import count_that_fits
from bessemer_server.training import failures, loop, planning, predictors
from bessemer_server.training.generative import sampling
from tests.unit.training import recording

SPEC: dict[str, Any] = {
    "architecture": "dcgan", "dataset": "digits", "epochs": 2, "batch_size": 300, "seed": 7,
    "options": {"filters": 4, "latent": 8},
}  # fmt: skip
EPOCH = metrics.Scope.EPOCH


@pytest.fixture(scope="module")
def trained():
    return recording.train(SPEC)


@pytest.fixture(scope="module")
def sampler(trained):
    outcome, _ = trained
    return predictors.build(json.loads(json.dumps(outcome.definition)), outcome.weights, "cpu")


def draw(sampler, count, seed):
    inputs = {"count": np.array([count], np.int32), "seed": np.array([seed], np.int64)}
    return sampler.predict(inputs)["images"]


def test_the_losses_of_both_networks_are_measured_and_nothing_else(trained):
    _, recorder = trained
    names = {name for scope, name, _ in recorder.points if scope is EPOCH}
    assert names == {"train/generator_loss", "train/discriminator_loss", "learning_rate"}
    assert recorder.values(EPOCH, "learning_rate") == [2e-4, 2e-4]


def test_held_out_samples_are_judged_where_they_are_asked_for():
    _, recorder = recording.train({**SPEC, "epochs": 1, "validation_split": 0.1})
    assert len(recorder.values(EPOCH, "val/discriminator_loss")) == 1


def test_a_loss_that_leaves_the_finite_numbers_is_named_with_the_last_finite_one():
    spec = {**SPEC, "epochs": 5, "batch_size": 100, "optimizer": {"kind": "sgd", "learning_rate": 1e5}}
    with pytest.raises(failures.TrainingFailed) as caught:
        recording.train(spec)
    assert "the last finite loss was " in caught.value.failure.message
    assert "tor loss became infinite or not a number at step " in caught.value.failure.message


@pytest.mark.parametrize("steps", [1, 5, 6, 8])
def test_a_run_that_was_stopped_ends_with_the_bytes_of_the_whole_run_in_both_networks(trained, steps):
    whole, recorder = trained
    first = recording.Recorder(stop_after=steps)
    loop.run(SPEC, recording.environment(), first)
    resumed, again = recording.train(SPEC, resume=first.snapshots[-1])
    ours, theirs = again.snapshots[-1].tensors, recorder.snapshots[-1].tensors
    assert {name: array.tobytes() for name, array in ours.items()} == {
        name: array.tobytes() for name, array in theirs.items()
    }
    drawn = first.drawn | again.drawn
    assert {epoch: array.tobytes() for epoch, array in drawn.items()} == {
        epoch: array.tobytes() for epoch, array in recorder.drawn.items()
    }
    assert {"/".join(name.split("/")[:2]) for name in ours} == {
        "model/generator", "model/discriminator", "optimizer/generator", "optimizer/discriminator"
    }  # fmt: skip
    assert all((resumed.weights[name] == array).all() for name, array in whole.weights.items())


def test_pictures_of_the_same_noise_are_drawn_as_often_as_was_asked_and_at_the_end(trained):
    _, recorder = trained
    assert {epoch: array.shape for epoch, array in recorder.drawn.items()} == {
        1: (16, 8, 8, 1), 2: (16, 8, 8, 1)
    }  # fmt: skip
    assert recorder.drawn[1].dtype == np.uint8
    options = {**SPEC["options"], "sample_every": 2, "sample_count": 3}
    _, rarely = recording.train({**SPEC, "epochs": 3, "options": options})
    assert {epoch: len(array) for epoch, array in rarely.drawn.items()} == {2: 3, 3: 3}
    _, never = recording.train({**SPEC, "epochs": 1, "options": {**SPEC["options"], "sample_every": 0}})
    assert not never.drawn


def test_as_many_pictures_are_kept_as_two_mebibytes_hold():
    assert count_that_fits(16, (28, 28, 1)) == 16
    assert count_that_fits(16, (512, 512, 3)) == 2
    assert count_that_fits(16, (2000, 2000, 3)) == 1


def test_both_networks_learn(trained):
    _, recorder = trained
    first, last = (snapshot.tensors for snapshot in recorder.snapshots)
    for name in ("model/generator/0.weight", "model/discriminator/0.weight"):
        assert not np.array_equal(first[name], last[name])


def test_what_is_published_is_the_generator(trained):
    outcome, _ = trained
    definition = outcome.definition
    assert definition["kind"] == "generator"
    assert [entry["name"] for entry in definition["inputs"]] == ["count", "seed"]
    assert definition["outputs"] == [{"name": "images", "datatype": "UINT8", "shape": [-1, 8, 8, 1]}]


def test_samples_are_pixels_as_the_data_set_has_them(sampler):
    images = draw(sampler, 5, 1)
    assert (images.shape, images.dtype) == ((5, 8, 8, 1), np.uint8)
    assert images.max() <= source.DIGITS.scale
    assert len({image.tobytes() for image in images}) == 5


def test_the_first_samples_of_a_seed_are_the_same_whatever_the_count(sampler):
    many = draw(sampler, 70, 3)
    assert (draw(sampler, 1, 3) == many[:1]).all()
    assert (draw(sampler, 65, 3) == many[:65]).all()
    assert not (draw(sampler, 65, 4) == many[:65]).all()


@pytest.mark.parametrize("count", [0, -1, sampling.MAX_COUNT + 1])
def test_a_count_out_of_range_is_refused(sampler, count):
    with pytest.raises(errors.InvalidArgument, match=r"count must be from 1 to 1,024"):
        draw(sampler, count, 1)


def test_inputs_that_do_not_fit_the_signature_are_refused(sampler):
    with pytest.raises(errors.InvalidArgument, match="count and seed, but given are image"):
        sampler.predict({"image": np.zeros((1, 8, 8, 1), np.uint8)})
    with pytest.raises(errors.InvalidArgument, match="seed must be int64"):
        sampler.predict({"count": np.ones(1, np.int32), "seed": np.ones(1, np.int32)})


def test_the_summary_shows_the_layers_of_both_networks():
    plan = planning.plan({"architecture": "dcgan", "dataset": "mnist"})
    assert plan.input_shape == (100,)
    kinds = [layer.kind for layer in plan.layers]
    assert kinds[0] == "generator/dense"
    assert kinds[-1] == "discriminator/dense"
    (ends,) = (layer.output_shape for layer in plan.layers if layer.detail.endswith("tanh"))
    assert ends == (28, 28, 1)
    assert [layer.index for layer in plan.layers] == list(range(len(kinds)))


def test_its_optimizer_is_that_of_the_paper_unless_another_is_named():
    def optimizer(**given):
        return planning.plan({"architecture": "dcgan", "dataset": "digits", **given}).effective_spec[
            "optimizer"
        ]

    assert optimizer().items() >= {"kind": "adam", "learning_rate": 2e-4, "beta1": 0.5}.items()
    given = {"kind": "adam", "learning_rate": 1e-3}
    assert optimizer(optimizer=given).items() >= {"learning_rate": 1e-3, "beta1": 0.5}.items()
    assert optimizer(optimizer={"kind": "sgd"})["kind"] == "sgd"


@pytest.mark.parametrize(
    ("setting", "field"),
    [
        ({"early_stopping": {"monitor": "train/loss"}}, "early_stopping"),
        ({"dataset": "iris"}, "architecture"),
    ],
)
def test_what_a_generator_cannot_do_is_refused(setting, field):
    with pytest.raises(errors.InvalidArgument) as caught:
        planning.plan({"architecture": "dcgan", "dataset": "digits", **setting})
    assert [violation.field for violation in caught.value.violations] == [field]
