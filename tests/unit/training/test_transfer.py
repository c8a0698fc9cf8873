"""Transfer learning: what is frozen stays, what is learnt is the head, and the features are computed once."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
import torch

from bessemer_server.data import digits, preprocessing, sources
from bessemer_server.domain import bases, checkpoints, errors, jobs
from bessemer_server.layers import trunks
from bessemer_server.training import classifier, failures, inference, learner, loop, planning, resolving
from tests.unit.training import recording

SPEC: dict[str, Any] = {
    "architecture": "transfer", "dataset": "digits", "epochs": 2, "batch_size": 32, "test_split": 0.9,
    "options": {"backbone": "mobilenet_v3_small", "weights": "random", "units": 8, "dropout": 0.2},
}  # fmt: skip


def with_options(**options):
    return {**SPEC, "options": {**SPEC["options"], **options}}


def is_frozen(name):
    return name.startswith("0.trunk.")


def train_in(folder, spec):
    environment = dataclasses.replace(recording.environment(), dataset_dir=folder)
    return loop.run(spec, environment, recording.Recorder())


def test_resnet50_with_ten_classes_trains_half_a_million_of_24_million_parameters():
    plan = planning.plan({"architecture": "transfer", "dataset": "digits"})
    trainable = sum(layer.trainable_parameters for layer in plan.layers)
    assert trainable == 2048 * 256 + 256 + 256 * 10 + 10 == 527_114
    assert sum(layer.parameters for layer in plan.layers) - trainable == 23_508_032 + 2 * 26_560


def test_a_frozen_backbone_keeps_every_byte_and_a_run_resumes_to_the_same_end():
    whole, recorder = recording.train(SPEC)
    first = recording.Recorder(stop_after=3)
    assert loop.run(SPEC, recording.environment(), first) == loop.Stopped(jobs.Command.PREEMPT)
    resumed, again = recording.train(SPEC, resume=first.snapshots[-1])
    assert {n: a.tobytes() for n, a in resumed.weights.items()} == {
        n: a.tobytes() for n, a in whole.weights.items()
    }
    assert all(again.points[key] == recorder.points[key] for key in again.points)
    start = first.snapshots[-1].tensors
    frozen = [name for name in whole.weights if is_frozen(name)]
    assert any(name.endswith("running_mean") for name in frozen)
    assert all(whole.weights[name].tobytes() == start[f"model/{name}"].tobytes() for name in frozen)
    assert not any("trunk" in name for name in start if name.startswith("optimizer/"))
    assert (whole.weights["1.weight"] != start["model/1.weight"]).any()


def test_frozen_tensors_are_copied_once_and_the_others_each_time():
    _, recorder = recording.train(SPEC)
    first, second = (snapshot.tensors for snapshot in recorder.snapshots)
    parameters = [n for n in first if "trunk" in n and n.endswith(("weight", "bias"))]
    assert parameters
    assert all(first[name] is second[name] for name in parameters)
    assert all(
        first[name] is not second[name] for name in first if name.startswith(("model/1.", "optimizer/"))
    )


def test_the_last_blocks_learn_when_they_are_not_frozen():
    spec = {**with_options(unfreeze_last=1, backbone="squeezenet1_1"), "epochs": 1, "test_split": 0.97}
    whole, _ = recording.train(spec)
    start = recording.Recorder(stop_after=1)
    loop.run(spec, recording.environment(), start)
    changed = {
        name.split(".")[3]
        for name, array in whole.weights.items()
        if is_frozen(name) and (array != start.snapshots[0].tensors[f"model/{name}"]).any()
    }
    assert changed == {"12"}


def test_features_that_were_computed_once_give_what_the_whole_network_gives():
    resolved = resolving.resolve(with_options(dropout=0.0))
    train, _ = digits.DIGITS.load(sources.Folders(None, recording.environment().cache_dir))
    prepared = preprocessing.learn(digits.DIGITS, train, resolved.info)
    taught = classifier.Classifier(resolved, prepared, torch.device("cpu"))
    batch = features_batch(train)
    before = taught.evaluate(batch)
    cached = taught.prepare(batch)
    assert cached.inputs.shape == (40, 576)
    after = taught.evaluate(cached)
    assert {n: float(v) for n, v in after.items()} == pytest.approx(
        {n: float(v) for n, v in before.items()}, rel=1e-5
    )


def features_batch(samples):
    return learner.Batch(torch.tensor(samples.inputs[:40]), torch.tensor(samples.labels[:40]))


def test_weights_of_a_file_are_those_of_the_published_model_which_predicts_from_pixels(tmp_path):
    (tmp_path / "weights").mkdir()
    state = trunks.random_weights("mobilenet_v3_small", torch.Generator().manual_seed(5))
    state = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    torch.save({**state, "classifier.3.bias": torch.zeros(1000)}, tmp_path / "weights" / "mine.pth")
    outcome = train_in(tmp_path, {**with_options(weights="mine"), "epochs": 1})
    for name, tensor in state.items():
        assert (outcome.weights[f"0.trunk.{name}"] == tensor.numpy()).all()
    model = inference.InferenceModel(outcome.definition, outcome.weights, "cpu")
    probabilities = model.predict({"image": np.ones((2, 8, 8, 1), np.uint8)})["probabilities"]
    assert probabilities.shape == (2, 10)


def fail_with(tmp_path, saved):
    (tmp_path / "weights").mkdir()
    saved(tmp_path / "weights" / "mine.pth")
    with pytest.raises(failures.TrainingFailed) as failed:
        train_in(tmp_path, with_options(weights="mine.pth"))
    assert failed.value.failure.reason is jobs.Reason.INVALID_DATA
    return failed.value.failure


def test_weights_of_another_network_are_refused_by_file_tensor_and_shape(tmp_path):
    state = trunks.random_weights("mobilenet_v3_small", torch.Generator())
    del state["features.0.1.bias"]
    state["features.0.0.weight"] = torch.zeros(16, 1, 3, 3)
    failure = fail_with(tmp_path, lambda path: torch.save(state, path))
    assert str(tmp_path / "weights" / "mine.pth") in failure.message
    assert "features.0.1.bias is missing" in failure.message
    assert "features.0.0.weight has shape [16, 1, 3, 3] instead of [16, 3, 3, 3]" in failure.message
    assert "mobilenet_v3_small" in failure.next_step


def test_a_file_that_is_no_weights_is_refused(tmp_path):
    assert "cannot be read" in fail_with(tmp_path, lambda path: path.write_bytes(b"no weights")).message


def test_weights_that_are_not_there_are_refused_with_the_nearest_name(tmp_path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "mobilenet_mine.pth").touch()
    with pytest.raises(failures.TrainingFailed, match="did you mean mobilenet_mine"):
        train_in(tmp_path, with_options(weights="mobilenet_min.pth"))


@pytest.mark.parametrize("weights", ["../secret.pth", "/etc/passwd", ".."])
def test_the_name_of_a_file_leads_nowhere_else(weights):
    with pytest.raises(errors.InvalidArgument) as refused:
        planning.plan(with_options(weights=weights))
    assert [violation.field for violation in refused.value.violations] == ["options.weights"]


TEACHER = {
    "architecture": "sequential", "dataset": "digits", "epochs": 1, "test_split": 0.5,
    "options": {"layers": [
        {"conv2d": {"filters": 4, "kernel": 3, "activation": "relu"}}, "batch_norm", {"max_pool2d": {"size": 2}},
        "flatten", {"dense": {"units": 10, "activation": "softmax"}},
    ]},
}  # fmt: skip


@pytest.fixture(scope="module")
def teacher():
    return recording.train(TEACHER)[0]


def as_base(trained):
    """As the server tells of a published model."""
    tensors = tuple(
        checkpoints.TensorEntry(name, array.dtype.name, array.shape, (), array.nbytes)
        for name, array in trained.weights.items()
    )
    return bases.Base(tuple(trained.definition["layers"]), tuple(trained.definition["input_shape"]), tensors)


def train_on(trained, **options):
    environment = dataclasses.replace(
        recording.environment(),
        bases={"model:teacher@1": as_base(trained)},
        read=lambda entry: trained.weights[entry.name],
    )
    spec = {**SPEC, "options": {"backbone": "model:teacher@1", "units": 8, **options}}
    return loop.run(spec, environment, recording.Recorder())


def test_a_model_that_was_trained_here_is_a_backbone_up_to_its_last_feature_map(teacher):
    outcome = train_on(teacher)
    kept = {name.removeprefix("0.trunk.") for name in outcome.weights if is_frozen(name)}
    assert kept == {name for name in teacher.weights if name[0] in "01"}
    for name in kept:
        assert (outcome.weights[f"0.trunk.{name}"] == teacher.weights[name]).all()
    assert outcome.weights["1.weight"].shape == (8, 4)
    # What is published stands by itself, without the model that it began with.
    model = inference.InferenceModel(json.loads(json.dumps(outcome.definition)), outcome.weights, "cpu")
    assert model.predict({"image": np.ones((2, 8, 8, 1), np.uint8)})["probabilities"].shape == (2, 10)


def test_of_a_model_that_was_trained_here_the_last_layers_learn_when_they_are_not_frozen(teacher):
    outcome = train_on(teacher, unfreeze_last=2)
    assert (outcome.weights["0.trunk.0.weight"] != teacher.weights["0.weight"]).any()


def test_random_weights_of_a_model_that_was_trained_here_are_not_its_own(teacher):
    outcome = train_on(teacher, weights="random")
    assert (outcome.weights["0.trunk.0.weight"] != teacher.weights["0.weight"]).all()


def test_a_model_on_a_model_on_a_model_still_stands_by_itself(teacher):
    second = train_on(teacher)
    third = train_on(second)
    assert (third.weights["0.trunk.0.trunk.0.weight"] == teacher.weights["0.weight"]).all()


def test_a_model_without_a_feature_map_is_no_backbone():
    table, _ = recording.train({"architecture": "mlp", "dataset": "digits", "epochs": 1})
    with pytest.raises(errors.InvalidArgument) as refused:
        planning.plan(with_options(backbone="model:teacher@1"), known={"model:teacher@1": as_base(table)})
    (violation,) = refused.value.violations
    assert "makes no map of features" in violation.description


def test_an_unknown_backbone_is_refused_with_the_nearest_names():
    with pytest.raises(errors.InvalidArgument) as refused:
        planning.plan(with_options(backbone="resnet5"))
    (violation,) = refused.value.violations
    assert violation.field == "options.backbone"
    assert "resnet50" in violation.description
