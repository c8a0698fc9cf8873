"""The specification on its way over the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bessemer import _specs
from bessemer.v1 import jobs_pb2
from bessemer_server.domain import errors
from bessemer_server.rpc import specs, structs

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)

SPEC = {
    "architecture": "mnist_cnn",
    "dataset": "digits",
    "options": {"dropout": 0.5, "layers": [{"dense": {"units": 10}}, "flatten"]},
    "epochs": 5,
    "batch_size": 32,
    "seed": 2**62,
    "optimizer": {"kind": "adam", "learning_rate": 1e-3},
    "schedule": {"kind": "cosine", "warmup_epochs": 0.5},
    "early_stopping": {"monitor": "val/loss", "patience": 3, "min_delta": 0.0},
    "validation_split": 0.1,
    "test_split": 0.0,
    "text": {"vocabulary": 500, "length": 20},
    "loss": "mse",
    "validation_dataset": "iris",
    "label_smoothing": 0.1,
    "class_weights": {"cat": 2.0, "3": 0.0},
    "metrics": ["f1", "top_3_accuracy"],
    "checkpoint": {
        "every_epochs": 0,
        "every_steps": 100,
        "every_seconds": 0.5,
        "keep_last": 1,
        "keep_best": "val/loss",
    },
    "l1": 0.5,
    "gradient_clip_norm": 1.0,
    "augmentation": ["flip", {"crop": {"padding": 2}}],
}


def test_a_whole_specification_survives_the_wire():
    assert specs.from_wire(specs.to_wire(SPEC)) == SPEC


def test_every_field_can_be_read_and_written():
    names = set(jobs_pb2.TrainingSpec.DESCRIPTOR.fields_by_name)
    assert set(specs.READ) == set(specs.WRITE) <= names
    assert set(_specs.FILL) | {"architecture", "dataset"} == names
    assert set(_specs.READ) <= names


def test_what_the_client_did_not_set_stays_unset():
    spec = {"architecture": "mlp", "dataset": "iris"}
    assert specs.from_wire(specs.to_wire(spec)) == spec


@pytest.mark.parametrize(
    "name", [field.name for field in jobs_pb2.TrainingSpec.DESCRIPTOR.fields if field.name not in specs.READ]
)
def test_a_field_set_to_its_zero_is_still_set(name):
    spec = {
        "architecture": "",
        "dataset": "",
        name: "" if name in ("architecture", "dataset", "loss", "validation_dataset") else 0,
    }
    assert specs.from_wire(specs.to_wire(spec)) == spec


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_json_survives_a_struct_up_to_the_difference_between_1_and_1_0(values):
    assert structs.to_json(structs.to_struct(values)) == values


@pytest.mark.parametrize("text", [{}, {"length": 0}, {"vocabulary": 7}])
def test_settings_for_texts_keep_just_what_was_set(text):
    spec = {"architecture": "lstm_classifier", "dataset": "imdb", "text": text}
    assert specs.from_wire(specs.to_wire(spec)) == spec


@pytest.mark.parametrize("weights", ["balanced", {}, {"cat": 2.0}])
def test_class_weights_are_balanced_or_by_label(weights):
    spec = {"architecture": "mlp", "dataset": "iris", "class_weights": weights}
    assert specs.from_wire(specs.to_wire(spec)) == spec


def test_class_weights_that_are_both_balanced_and_given_are_refused():
    message = jobs_pb2.TrainingSpec(architecture="mlp", dataset="iris")
    message.class_weights.balanced = True
    message.class_weights.weights["cat"] = 1.0
    with pytest.raises(errors.InvalidArgument) as refused:
        specs.from_wire(message)
    assert [violation.field for violation in refused.value.violations] == ["class_weights"]


def test_a_struct_holds_nan_and_infinity():
    found = structs.to_json(structs.to_struct({"a": float("inf"), "b": float("nan")}))
    assert found["a"] == float("inf")
    assert found["b"] != found["b"]


def test_a_kind_among_the_options_of_the_optimizer_is_refused():
    message = jobs_pb2.TrainingSpec(architecture="mlp", dataset="iris")
    message.optimizer.options.update({"kind": "sgd"})
    with pytest.raises(errors.InvalidArgument) as refused:
        specs.from_wire(message)
    assert [violation.field for violation in refused.value.violations] == ["optimizer.options.kind"]
