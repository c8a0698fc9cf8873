"""Which checkpoints are kept."""

from __future__ import annotations

import math

import pytest

from bessemer_server.domain.checkpoints import Retention

STEPS = [10, 15, 20, 25, 30, 35]


@pytest.mark.parametrize(
    ("keep", "values", "outdated"),
    [
        (Retention(2), {}, [10, 15, 20, 25]),
        (Retention(9), {}, []),
        (Retention(1, best="val/loss"), {10: 0.3, 20: 0.1, 30: 0.2}, [10, 15, 25, 30]),
        (Retention(1, best="val/accuracy"), {10: 0.3, 20: 0.1, 30: 0.2}, [15, 20, 25, 30]),
        (Retention(1, best="val/loss"), {10: 0.1, 20: 0.1}, [15, 20, 25, 30]),
        (Retention(1, best="val/loss"), {10: math.nan, 20: 0.1}, [10, 15, 25, 30]),
        (Retention(1, best="val/loss"), {}, [10, 15, 20, 25, 30]),
        (Retention(1, every=2), {}, [10, 15, 25, 30]),
        (Retention(1, every=1), {}, [15, 25]),
        (Retention(2, "val/loss", 3), {10: 0.1}, [15, 20, 25]),
    ],
)
def test_the_newest_the_best_and_those_of_every_nth_epoch_stay(keep, values, outdated):
    assert keep.outdated(STEPS, 10, values) == outdated


def test_while_the_length_of_an_epoch_is_unknown_no_step_ends_one():
    assert Retention(1, every=1).outdated([10, 20], 0, {}) == [10]


def test_what_a_specification_leaves_out_is_the_services_choice():
    assert Retention.of({}, 3) == Retention(3)
    assert Retention.of(
        {"checkpoint": {"keep_last": None, "keep_best": None, "keep_every": None}}, 3
    ) == Retention(3)
    said = {"keep_last": 1, "keep_best": "val/f1", "keep_every": 5}
    assert Retention.of({"checkpoint": said}, 3) == Retention(1, "val/f1", 5)
