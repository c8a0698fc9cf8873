"""A batch waits for others only where the loop has no time left, and where others come."""

import resource
import time

import pytest

from bessemer_server.serving import holding, sleeps

LATER = 1000.0
"""More sleeps than were counted before."""


def run(hold, batches, sleeps_per_request, *, requests=None, in_vain=False, start=1.0):
    """So many batches of what is wanted; returns the sleeps counted at the end."""
    counted = start
    for _ in range(batches):
        size = requests or max(int(hold.wanted), 1)
        counted += sleeps_per_request * size
        hold.observe(size, round(counted), in_vain=in_vain)
    return counted


@pytest.fixture
def busy():
    """One that wants many."""
    hold = holding.Holding(64)
    run(hold, 100, 0.1)
    assert 16 < hold.wanted <= 64
    return hold


def test_someone_who_asks_alone_is_never_held_back():
    hold, counted = holding.Holding(64), 1.0
    for _ in range(1000):
        counted = run(hold, 1, 3.0, start=counted)
        assert hold.wanted == 1.0


def test_a_loop_without_rest_makes_larger_batches_and_never_larger_than_the_most():
    hold = holding.Holding(64)
    run(hold, 1000, 0.1)
    assert hold.wanted == 64


def test_between_busy_and_idle_all_stays_as_it_is(busy):
    counted = run(busy, 100, 0.55, start=LATER)
    wanted = busy.wanted
    run(busy, 100, 0.55, start=counted)
    assert busy.wanted == wanted


def test_a_loop_that_rests_makes_small_ones_again(busy):
    run(busy, 200, 3.0, start=LATER)
    assert busy.wanted == 1.0


def test_who_is_left_alone_waits_once(busy):
    run(busy, 1, 0.1, requests=1, in_vain=True, start=LATER)
    assert busy.wanted == 1.0


def test_when_some_are_missing_fewer_are_wanted(busy):
    wanted = busy.wanted
    run(busy, 1, 0.1, requests=int(wanted) - 1, in_vain=True, start=LATER)
    assert wanted / 2 < busy.wanted < wanted


def test_waiting_in_vain_is_rare_for_one_who_asks_alone_of_a_busy_loop():
    hold = holding.Holding(64)
    counted, vain = 1.0, 0
    for _ in range(1000):
        is_held = hold.wanted > 1
        counted += 0.1
        hold.observe(1, round(counted), in_vain=is_held)
        vain += is_held
    assert vain < 120


def test_a_count_that_stays_zero_is_none():
    hold = holding.Holding(64)
    for _ in range(1000):
        hold.observe(1, 0, in_vain=False)
    assert hold.wanted == 1.0


@pytest.mark.skipif(not hasattr(resource, "RUSAGE_THREAD"), reason="this system does not count them")
def test_sleeps_are_counted():
    before = sleeps.count()
    time.sleep(0.001)
    assert sleeps.count() > before
