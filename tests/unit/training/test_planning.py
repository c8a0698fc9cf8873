"""What is said of a specification before any training."""

from __future__ import annotations

import json
import math

import pytest

from bessemer_server.architectures import kinds as architectures
from bessemer_server.domain import errors, plans
from bessemer_server.training import memory, planning, resolving

SEQUENTIAL = {"architecture": "sequential", "dataset": "digits"}
MLP = {"architecture": "mlp", "dataset": "iris"}


def violations(spec) -> dict[str, str]:
    with pytest.raises(errors.InvalidArgument) as caught:
        planning.plan(spec)
    return {violation.field: violation.description for violation in caught.value.violations}


def layers(*entries):
    return {**SEQUENTIAL, "options": {"layers": list(entries)}}


def test_layers_without_anything_to_train_are_refused():
    found = violations(layers({"flatten": {}}, {"activation": {"function": "softmax"}}))
    assert "has no weights to train; add a layer that has some, such as dense" in found["options.layers"]


def test_the_mnist_network_has_the_parameters_that_keras_prints():
    plan = planning.plan({"architecture": "mnist_cnn", "dataset": "mnist"})
    assert [layer.parameters for layer in plan.layers] == [320, 0, 18_496, 0, 0, 204_928, 0, 1_290]
    assert plan.parameters == plan.trainable_parameters == 225_034
    assert [layer.output_shape for layer in plan.layers] == [
        (26, 26, 32), (13, 13, 32), (11, 11, 64), (5, 5, 64), (1600,), (128,), (128,), (10,)
    ]  # fmt: skip
    assert plan.layers[0].detail == "32 filters 3×3, relu"


def test_the_effective_specification_has_every_default():
    plan = planning.plan(MLP)
    assert plan.effective_spec == {
        "architecture": "mlp",
        "dataset": "iris",
        "options": {"hidden": [128], "activation": "relu", "dropout": 0.0},
        "epochs": 10,
        "batch_size": 32,
        "seed": 0,
        "optimizer": {"kind": "adam", "learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-7},
        "schedule": {"kind": "constant", "warmup_epochs": 0.0, "warmup_steps": 0},
        "l1": 0.0,
        "l2": 0.0,
        "gradient_clip_norm": None,
        "gradient_clip_value": None,
        "augmentation": [],
        "early_stopping": None,
        "validation_split": 0.1,
        "validation_dataset": None,
        "test_split": 0.2,
        "loss": "cross_entropy",
        "label_smoothing": 0.0,
        "class_weights": None,
        "metrics": [],
        "text": None,
        "checkpoint": {
            "every_epochs": 1,
            "every_steps": None,
            "every_seconds": None,
            "keep_last": None,
            "keep_best": None,
            "keep_every": None,
        },
    }


@pytest.mark.parametrize(
    "spec",
    [
        MLP,
        {**MLP, "early_stopping": {}, "optimizer": {"kind": "sgd", "momentum": 0.5}},
        layers("flatten", {"dense": {"units": 10}}),
        layers(
            {"conv2d": {"filters": 4, "kernel": [3, 1]}}, "max_pool2d", "flatten", {"dense": {"units": 10}}
        ),
    ],
)
def test_planning_the_effective_specification_gives_the_same_plan(spec):
    plan = planning.plan(spec)
    assert planning.plan(json.loads(json.dumps(plan.effective_spec))) == plan


def test_whole_numbers_may_come_as_floating_point_numbers_as_from_a_protobuf_struct():
    plan = planning.plan({**MLP, "options": {"hidden": [16.0]}, "epochs": 3.0})
    assert plan.effective_spec["options"]["hidden"] == [16]
    assert plan.effective_spec["epochs"] == 3


def test_every_fault_is_reported_at_once():
    found = violations(
        {
            "architecture": "mnist_cn",
            "dataset": "digts",
            "epochs": -3,
            "batch_size": "five",
            "seed": 2**63,
            "epoch": 3,
            "optimizer": {"kind": "adm"},
            "early_stopping": {"patience": 0},
        }
    )
    assert found == {
        "architecture": "there is no architecture 'mnist_cn'; did you mean mnist_cnn?",
        "dataset": "there is no data set 'digts'; did you mean digits?",
        "epochs": "must be at least 1, but is -3",
        "batch_size": "must be an integer, but is 'five'",
        "seed": "must be at most 9223372036854775807, but is 9223372036854775808",
        "epoch": "is unknown; did you mean epochs?",
        "optimizer.kind": "there is no optimizer 'adm'; did you mean adam or adamw?",
        "early_stopping.patience": "must be at least 1, but is 0",
    }


def test_an_empty_specification_is_told_what_it_needs():
    found = violations({})
    assert set(found) == {"architecture", "dataset"}
    assert found["architecture"] == f"is required; known are {architectures.REGISTRY}"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_learning_rate_must_be_finite(value):
    found = violations({**MLP, "optimizer": {"kind": "adam", "learning_rate": value}})
    assert found == {"optimizer.learning_rate": f"must be a finite number, but is {value}"}


def test_unknown_options_suggest_the_nearest():
    found = violations({**MLP, "options": {"droput": 0.5}, "optimizer": {"kind": "sgd", "momntum": 0.9}})
    assert found == {
        "options.droput": "is unknown; did you mean dropout?",
        "optimizer.momntum": "is unknown; did you mean momentum?",
    }


def test_a_batch_larger_than_the_training_split_is_told_both_numbers():
    assert violations({**MLP, "batch_size": 200}) == {
        "batch_size": "must be at most 108, the samples of iris that are left for training, but is 200"
    }


@pytest.mark.parametrize("name", ["validation_split", "test_split"])
def test_a_share_that_is_less_than_one_sample_is_refused(name):
    assert "less than one" in violations({**MLP, name: 0.0001})[name]


def test_a_test_split_that_takes_everything_is_blamed_itself():
    assert list(violations({**MLP, "test_split": 0.9999999})) == ["test_split"]


def test_an_optimizer_without_a_kind_is_adam():
    effective = resolving.resolve({**MLP, "optimizer": {"kind": "", "learning_rate": 0.5}}).effective_spec
    assert (effective["optimizer"]["kind"], effective["optimizer"]["learning_rate"]) == ("adam", 0.5)


def test_splits_that_leave_nothing_to_train_on_are_refused():
    assert violations({**MLP, "validation_split": 0.999}) == {
        "validation_split": "leaves no training samples of iris; use less"
    }


def test_early_stopping_cannot_watch_what_is_not_measured():
    found = violations({**MLP, "validation_split": 0, "early_stopping": {}})
    assert "watch train/loss" in found["early_stopping.monitor"]


def test_an_architecture_for_images_refuses_a_table_and_names_those_that_take_it():
    found = violations({"architecture": "mnist_cnn", "dataset": "iris"})
    assert found == {
        "architecture": "mnist_cnn takes image data, but iris is table data; for it there are mlp, numpy_mlp, sequential"
    }


def test_settings_for_texts_are_refused_where_there_are_none():
    assert violations({**MLP, "text": {"length": 0}}) == {"text.length": "must be at least 1, but is 0"}
    assert violations({**MLP, "text": {"length": 20}}) == {
        "text": "is for texts, but iris is table data; leave it out"
    }


def test_texts_do_not_fit_a_network_for_images():
    found = violations({"architecture": "mnist_cnn", "dataset": "imdb"})
    assert found["architecture"].startswith(
        "mnist_cnn takes image data, but imdb is text data; for it there are"
    )
    assert "sequential" in found["architecture"]


def test_nesterov_needs_momentum():
    assert violations({**MLP, "optimizer": {"kind": "sgd", "nesterov": True}}) == {
        "optimizer.nesterov": "needs a momentum above 0, e.g. momentum 0.9"
    }


def test_all_faulty_options_of_all_layers_are_reported_at_once():
    found = violations(
        layers(
            "flaten",
            {"dense": {"units": "ten"}},
            {"conv2d": {"filters": 0, "kernel": "three", "activation": "rleu"}},
            {"dense": {"units": 10}, "flatten": {}},
            {"dense": None},
        )
    )
    assert found["options.layers[0]"].startswith("there is no layer 'flaten'; did you mean flatten")
    assert found["options.layers[1].dense.units"] == "must be an integer, but is 'ten'"
    assert found["options.layers[2].conv2d.filters"] == "must be at least 1, but is 0"
    assert "[height, width]" in found["options.layers[2].conv2d.kernel"]
    assert "relu" in found["options.layers[2].conv2d.activation"]
    assert found["options.layers[3]"].startswith("must be the name of a layer")
    assert found["options.layers[4].dense"] == "must be a dict of options by name, but is None"
    assert len(found) == 7


@pytest.mark.parametrize(
    ("entries", "path", "sentence"),
    [
        (
            ["flatten", {"conv2d": {"filters": 3, "kernel": 3}}],
            "options.layers[1]",
            (
                "layer 1 (conv2d): it needs an image, and its input is flat: put it before flatten; "
                "its input is (64,)"
            ),
        ),
        (
            [{"dense": {"units": 10}}],
            "options.layers[0]",
            "layer 0 (dense): it needs a flat input: put flatten before it; its input is (8, 8, 1)",
        ),
        (
            [{"max_pool2d": {"size": 4}}, {"conv2d": {"filters": 3, "kernel": 3}}],
            "options.layers[1]",
            (
                "layer 1 (conv2d): the 3×3 kernel is larger than the 2×2 image: use a smaller one, "
                'padding "same", or fewer layers that shrink the image before it; its input is (2, 2, 1)'
            ),
        ),
        (
            [{"max_pool2d": {"size": 9}}],
            "options.layers[0]",
            (
                "layer 0 (max_pool2d): the 9×9 window is larger than the 8×8 image: use a smaller one, "
                'padding "same", or fewer layers that shrink the image before it; its input is (8, 8, 1)'
            ),
        ),
        (
            ["flatten", {"dense": {"units": 7, "activation": "softmax"}}],
            "options.layers[1]",
            (
                "the last layer gives 7 outputs with activation softmax; "
                "it must give 10 outputs with activation softmax or linear, because digits has 10 classes"
            ),
        ),
        (
            ["flatten", {"dense": {"units": 10, "activation": "relu"}}],
            "options.layers[1]",
            (
                "the last layer gives 10 outputs with activation relu; "
                "it must give 10 outputs with activation softmax or linear, because digits has 10 classes"
            ),
        ),
    ],
)
def test_an_impossible_layer_is_refused_by_index_and_reason(entries, path, sentence):
    assert violations(layers(*entries)) == {path: sentence}


def test_the_catalog_names_everything_with_a_description_and_a_schema():
    catalog = planning.catalog()
    assert {entry.name for entry in catalog.architectures} >= {"mlp", "mnist_cnn", "sequential"}
    assert {entry.name for entry in catalog.optimizers} >= {"adam", "sgd"}
    assert {info.name for info in catalog.datasets} >= {"digits", "iris", "mnist"}
    assert catalog.devices[-1] == "cpu"
    assert {entry.name for entry in catalog.losses} >= {"cross_entropy", "binary_cross_entropy", "mse"}
    assert {entry.name for entry in catalog.metrics} >= {"top_k_accuracy", "f1", "roc_auc"}
    named = (*catalog.architectures, *catalog.optimizers, *catalog.layers, *catalog.losses, *catalog.metrics)
    for entry in named:
        assert entry.description.endswith((".", "!")), entry.name
        for name, field in entry.options_schema.get("properties", {}).items():
            assert field.get("description"), f"{entry.name}.{name} is not described"
    assert json.dumps([entry.options_schema for entry in catalog.layers])


def test_a_model_that_no_memory_holds_is_refused_with_both_sizes():
    spec = {"architecture": "mlp", "dataset": "digits", "options": {"hidden": [65_536] * 64}}
    with pytest.raises(
        errors.InvalidArgument, match=r"270,5\d\d,\d\d\d,\d\d\d parameters.*GiB.*this machine has"
    ):
        planning.plan(spec)


def test_a_model_that_just_fits_is_accepted():
    memory.check(1_000, 1_000 * memory.BYTES_PER_PARAMETER)
    with pytest.raises(errors.InvalidArgument):
        memory.check(1_001, 1_000 * memory.BYTES_PER_PARAMETER)


def test_defaults_suit_a_data_set_of_a_few_samples():
    few = plans.DatasetInfo(
        name="few", description="", kind="table", shape=(3,), labels=("a", "b"), train_samples=2, test_samples=0,
        bundled=False,
    )  # fmt: skip
    effective = planning.plan({"architecture": "mlp", "dataset": "few"}, few).effective_spec
    assert (effective["batch_size"], effective["validation_split"], effective["test_split"]) == (2, 0.0, 0.0)
    with pytest.raises(errors.InvalidArgument, match="batch_size: must be at most 2"):
        planning.plan({"architecture": "mlp", "dataset": "few", "batch_size": 32}, few)
    with pytest.raises(errors.InvalidArgument, match=r"validation_split: 0\.1 of the samples"):
        planning.plan({"architecture": "mlp", "dataset": "few", "validation_split": 0.1}, few)
