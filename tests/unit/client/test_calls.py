"""Building requests: what no message can hold is refused by name, before anything is sent."""

import math
from typing import Any

import numpy as np
import pytest

import bessemer
from bessemer import _calls, _specs, errors


def test_everything_that_is_set_is_in_the_specification():
    spec = _specs.build_spec(
        "mnist_cnn",
        "digits",
        {"dropout": 0.5, "filters": (8, 16)},
        {"kind": "sgd", "learning_rate": 0.1},
        {"monitor": "val/loss", "patience": 2, "min_delta": 0.5},
        epochs=np.int64(5),
        batch_size=32,
        seed=0,
        text={"vocabulary": np.int64(500), "length": 20},
        validation_split=0.25,
        test_split=np.float32(0.5),
        loss="cross_entropy",
        validation_dataset="more",
        label_smoothing=0.25,
        class_weights={0: 2, 1: 0.5},
        metrics=("f1", "top_3_accuracy"),
        checkpoint={
            "every_epochs": None,
            "every_steps": np.int64(50),
            "every_seconds": None,
            "keep_best": True,
        },
    )
    assert _specs.spec_to_dict(spec) == {
        "architecture": "mnist_cnn",
        "dataset": "digits",
        "options": {"dropout": 0.5, "filters": [8, 16]},
        "optimizer": {"kind": "sgd", "learning_rate": 0.1},
        "early_stopping": {"monitor": "val/loss", "patience": 2, "min_delta": 0.5},
        "epochs": 5,
        "batch_size": 32,
        "seed": 0,
        "text": {"vocabulary": 500, "length": 20},
        "validation_split": 0.25,
        "test_split": 0.5,
        "loss": "cross_entropy",
        "validation_dataset": "more",
        "label_smoothing": 0.25,
        "class_weights": {"0": 2.0, "1": 0.5},
        "metrics": ["f1", "top_3_accuracy"],
        "checkpoint": {"every_epochs": 0, "every_steps": 50, "keep_best": "val/loss"},
    }


def test_what_is_not_set_is_left_to_the_server():
    assert _specs.spec_to_dict(_specs.build_spec("mlp", "iris")) == {"architecture": "mlp", "dataset": "iris"}


def test_a_number_that_is_not_one_is_left_to_the_server_to_refuse():
    spec = _specs.build_spec("mlp", "iris", None, {"kind": "adam", "learning_rate": math.nan})
    assert math.isnan(spec.optimizer.options.fields["learning_rate"].number_value)


def test_all_wrong_types_are_named_at_once():
    wrong: dict[str, Any] = {
        "architecture": 3,
        "dataset": None,
        "options": [1],
        "optimizer": 7,
        "early_stopping": {"patience": "long", "patient": 1},
        "epochs": "five",
        "batch_size": True,
        "seed": 2**70,
        "validation_split": "a tenth",
        "class_weights": {"cat": "much"},
        "metrics": "f1",
    }
    with pytest.raises(errors.InvalidArgument) as refused:
        _specs.build_spec(**wrong)
    assert sorted(violation.field for violation in refused.value.violations) == sorted(
        [
            *("architecture", "dataset", "options", "epochs", "batch_size", "seed", "validation_split"),
            *("optimizer", "early_stopping.patience", "early_stopping.patient"),
            *("class_weights.cat", "metrics"),
        ]
    )
    assert "epochs: must be an integer, but is 'five'" in str(refused.value)


def test_options_that_are_no_json_are_refused():
    with pytest.raises(errors.InvalidArgument, match="options: must hold only numbers, strings"):
        _specs.build_spec("mlp", "iris", {"hidden": object()})


def test_every_request_has_an_idempotency_key_of_its_own_unless_given():
    spec = _specs.build_spec("mlp", "iris")
    first, second = (_calls.build_create(spec, None, None).request_id for _ in range(2))
    assert first != second
    assert _calls.build_create(spec, None, "mine").request_id == "mine"


@pytest.mark.parametrize(
    ("text", "parts"), [("a", ("a", "")), ("a@2", ("a", "2")), ("a-b.c@12", ("a-b.c", "12"))]
)
def test_a_reference_is_a_name_and_perhaps_a_version(text, parts):
    assert _calls.parse_reference(text) == parts


@pytest.mark.parametrize(
    "address",
    [
        "localhost:50051",
        "10.0.0.7:1",
        "[::1]:50051",
        "host-1.example:65535",
        "unix:/run/b.sock",
        "dns:///h:1",
    ],
)
def test_an_address_has_a_host_and_a_port(address):
    _calls.check_address(address)


@pytest.mark.parametrize(
    "address", ["", "localhost", "localhost:", ":50051", "h:0", "h:65536", "http://h:1", "h 1:2", 3, None]
)
def test_what_is_no_address_is_refused_before_anything_is_sent(address):
    with pytest.raises(errors.InvalidArgument, match="address: must be HOST:PORT"):
        bessemer.connect(address)
