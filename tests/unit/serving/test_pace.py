"""Who cannot be answered in time is refused at once."""

import math

import pytest

from bessemer_server.domain import errors
from bessemer_server.serving import pace
from bessemer_server.serving.pace import Pace


def test_who_waits_for_more_than_half_of_its_time_is_refused():
    pace.check(0.5, 1.0)
    pace.check(10.0**6, math.inf)
    pace.check(0.0, 0.0)
    pace.check(0.0, 1.0, batch_s=2.0)
    pace.check(0.4, 1.0, batch_s=0.4)
    pace.check(0.1, 1.0, left_s=0.6, batch_s=0.1)
    for left_s, batch_s in ((0.0, 0.5), (0.5, 0.0), (0.3, 0.2)):
        with pytest.raises(errors.ResourceExhausted):
            pace.check(0.4, 1.0, left_s=left_s, batch_s=batch_s)
    with pytest.raises(errors.ResourceExhausted, match="more than half of the time") as full:
        pace.check(0.51, 1.0)
    assert full.value.reason == "QUEUE_FULL"


def test_rows_take_as_long_as_rows_of_this_model_did():
    known = Pace()
    known.observe("m", 10, 0.1, is_behind=False)
    assert known.expect_s("m", 50) == pytest.approx(0.5)
    assert known.expect_s("m", 0) == 0.0
    assert known.expect_s("other", 100) == 0.0


def test_a_slow_moment_counts_little_and_a_fast_one_at_once():
    known = Pace()
    for _ in range(100):
        known.observe("m", 1, 0.01, is_behind=False)
    known.observe("m", 1, 0.09, is_behind=False)
    assert known.expect_s("m", 1) == pytest.approx(0.02, rel=0.01)
    known.observe("m", 1, 0.001, is_behind=False)
    assert known.expect_s("m", 500) == pytest.approx(0.5)


def test_while_others_wait_the_mean_counts_and_not_the_best_moment():
    known = Pace()
    for _ in range(100):
        known.observe("m", 1, 0.01, is_behind=True)
        known.observe("m", 1, 0.03, is_behind=True)
    assert known.expect_s("m", 1) == pytest.approx(0.02, rel=0.1)


def test_a_small_batch_counts_by_its_rows():
    known = Pace()
    for _ in range(100):
        known.observe("m", 500, 0.05, is_behind=True)
        known.observe("m", 1, 0.001, is_behind=True)
    assert known.expect_s("m", 1000) == pytest.approx(0.102, rel=0.05)
