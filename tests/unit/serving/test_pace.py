"""Who cannot be answered in time is refused at once."""

import math

import pytest

from bessemer_server.domain import errors
from bessemer_server.serving.pace import Pace


def test_a_request_behind_more_than_half_of_its_time_is_refused():
    pace = Pace()
    pace.observe("m", 10, 0.1, is_behind=False)
    pace.check("m", 50, 1.0)
    with pytest.raises(errors.ResourceExhausted, match="more than half of the time") as full:
        pace.check("m", 51, 1.0)
    assert full.value.reason == "QUEUE_FULL"


def test_nobody_is_refused_who_has_time_or_finds_no_queue_or_asks_a_model_that_is_not_known():
    pace = Pace()
    pace.observe("m", 1, 1.0, is_behind=False)
    pace.check("m", 10**6, math.inf)
    pace.check("m", 0, 0.0)
    pace.check("other", 100, 0.1)


def test_a_slow_moment_counts_little_and_a_fast_one_at_once():
    pace = Pace()
    pace.observe("m", 1, 0.01, is_behind=False)
    pace.observe("m", 1, 0.09, is_behind=False)
    pace.check("m", 25, 1.0)
    with pytest.raises(errors.ResourceExhausted):
        pace.check("m", 26, 1.0)
    pace.observe("m", 1, 0.001, is_behind=False)
    pace.check("m", 500, 1.0)


def test_while_others_wait_the_mean_counts_and_not_the_best_moment():
    pace = Pace()
    for _ in range(100):
        pace.observe("m", 1, 0.01, is_behind=True)
        pace.observe("m", 1, 0.03, is_behind=True)
    pace.check("m", 20, 1.0)
    with pytest.raises(errors.ResourceExhausted):
        pace.check("m", 30, 1.0)
