"""Class weights."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sklearn.utils.class_weight

from bessemer_server.training.objectives import weighting

LABELS = ("cat", "dog", "fox")


def test_balanced_weights_are_those_of_scikit_learn():
    samples = np.array([0] * 7 + [1] * 2 + [2])
    theirs = sklearn.utils.class_weight.compute_class_weight("balanced", classes=np.arange(3), y=samples)
    assert weighting.resolve("balanced", LABELS, samples) == pytest.approx(list(theirs))


def test_a_class_without_training_samples_takes_no_part_in_balance():
    assert weighting.resolve("balanced", LABELS, np.array([0, 0, 0, 2])) == (2 / 3, 0.0, 2.0)


def test_weights_are_by_label_and_1_where_none_is_given():
    assert weighting.resolve({"fox": 3}, LABELS, np.array([0])) == (1.0, 1.0, 3.0)
    assert weighting.resolve(None, LABELS, np.array([0])) is None


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ("balance", "class_weights", "must be 'balanced' or a weight for each label"),
        ({}, "class_weights", "must be 'balanced' or a weight for each label"),
        ({"cta": 1.0}, "class_weights.cta", "did you mean cat"),
        ({"cat": -1.0}, "class_weights.cat", "at least 0"),
        ({"dog": math.nan}, "class_weights.dog", "at least 0, but is nan"),
        ({"dog": math.inf}, "class_weights.dog", "at least 0, but is inf"),
        ({"dog": "much"}, "class_weights.dog", "must be a number"),
        (dict.fromkeys(LABELS, 0.0), "class_weights", "are all 0"),
    ],
)
def test_what_are_no_weights_is_refused_where_it_stands(given, field, words):
    (fault,) = weighting.find_faults(given, LABELS)
    assert fault.field == field
    assert words in fault.description


@pytest.mark.parametrize("given", [None, "balanced", {"cat": 0.0}, {"cat": 2, "dog": 0.5, "fox": 1.0}])
def test_sound_weights_have_no_faults(given):
    assert not list(weighting.find_faults(given, LABELS))
