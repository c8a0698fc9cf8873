"""`--set path=value`."""

import click
import pytest

from bessemer.cli import paths


@pytest.mark.parametrize(
    ("assignments", "arguments"),
    [
        ([], {}),
        (["options.dropout=0.3"], {"options": {"dropout": 0.3}}),
        (["optimizer=sgd"], {"optimizer": {"kind": "sgd"}}),
        (
            ["optimizer=sgd", "optimizer.learning_rate=0.01"],
            {"optimizer": {"kind": "sgd", "learning_rate": 0.01}},
        ),
        (['options.layers=["flatten"]'], {"options": {"layers": ["flatten"]}}),
        (["options.activation=relu"], {"options": {"activation": "relu"}}),
        (["early_stopping.monitor=val/loss"], {"early_stopping": {"monitor": "val/loss"}}),
        (["metrics=f1,roc_auc"], {"metrics": ["f1", "roc_auc"]}),
        (["class_weights=balanced"], {"class_weights": "balanced"}),
        (["class_weights.a.b=2"], {"class_weights": {"a.b": 2}}),
        (["options.name=a=b"], {"options": {"name": "a=b"}}),
    ],
)
def test_assignments_become_arguments(assignments, arguments):
    assert paths.parse(assignments) == arguments


def test_a_specification_is_shown_as_the_assignments_that_make_it():
    spec = {
        "epochs": 3,
        "optimizer": {"kind": "sgd", "learning_rate": 0.05},
        "options": {"activation": "relu", "hidden": [8, 8], "note": "3"},
        "early_stopping": {"monitor": "val/loss"},
        "text": {"length": 20},
        "test_split": 0.2,
        "metrics": ["f1"],
        "class_weights": {"St. Bernard": 2.5},
    }
    shown = paths.flatten({"architecture": "mlp", "dataset": "iris", "early_stopping": None, **spec})
    assert "optimizer.learning_rate=0.05" in shown
    assert paths.parse(shown) == spec


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("optimiser=sgd", "did you mean optimizer"),
        ("zzz=1", "known are epochs"),
        ("options.dropout", "takes path=value"),
        ("=3", "takes path=value"),
    ],
)
def test_a_faulty_assignment_says_what_would_be_right(assignment, words):
    with pytest.raises(click.UsageError, match=words):
        paths.parse([assignment])


def test_a_value_has_no_parts():
    with pytest.raises(click.UsageError, match="has no parts"):
        paths.parse(["epochs=3", "epochs.more=4"])
