"""A batch is as large as it pays, whatever the machine does at times."""

import random

import pytest

from bessemer_server.serving.costs import Costs


def serve(costs, fixed_s, per_row_s, batches, *, most=64, waiting=64, noise=None):
    """Run batches of what is allowed and waits; returns their rows."""
    sizes = []
    for _ in range(batches):
        rows = min(costs.limit(most), waiting)
        factor = 1 + noise.random() if noise else 1
        costs.add(rows, (fixed_s + per_row_s * rows) * factor)
        sizes.append(rows)
    return sizes


def learn(fixed_s, per_row_s, noise=None):
    """What is known after batches of all sizes."""
    costs = Costs()
    for rows in (1, 2, 3, 7, 12, 30, 64):
        serve(costs, fixed_s, per_row_s, 3, waiting=rows, noise=noise)
    return costs


def test_sizes_are_tried_one_after_the_other():
    assert serve(Costs(), 0.005, 0.0, 8) == [2, 4, 8, 16, 32, 64, 64, 64]


def test_a_slow_model_is_never_tried_with_a_large_batch():
    assert max(serve(Costs(), 0.0, 0.1, 100)) <= 4


@pytest.mark.parametrize(
    ("fixed_s", "per_row_s", "most"), [(0.001, 0.005, 20), (0.05, 0.005, 20), (0.0, 0.2, 1)]
)
def test_a_batch_does_not_take_long_for_those_who_come_while_it_is_computed(fixed_s, per_row_s, most):
    """Even where larger ones would pay."""
    assert max(serve(learn(fixed_s, per_row_s), fixed_s, per_row_s, 1000)) <= most


def test_clients_that_always_send_many_rows_share_batches_too():
    costs = Costs()
    costs.add(20, 0.005)
    assert costs.limit(64) == 64


@pytest.mark.parametrize(
    ("fixed_s", "per_row_s", "least", "most"),
    [
        (0.0, 0.1, 1, 2),
        (0.002, 0.1, 1, 2),
        (0.001, 0.001, 4, 32),
        (0.001, 0.0001, 32, 64),
        (0.005, 0.0, 64, 64),
    ],
)
def test_the_limit_follows_what_does_not_depend_on_the_rows(fixed_s, per_row_s, least, most):
    assert least <= learn(fixed_s, per_row_s).limit(64) <= most


def test_a_network_that_takes_as_many_times_as_long_comes_to_run_one_sample_at_a_time():
    sizes = serve(learn(0.0, 0.01), 0.0, 0.01, 1000)
    assert sizes.count(1) > 600
    assert max(sizes[10:]) == 2  # tried again from time to time


def test_what_was_found_at_a_bad_moment_is_found_again_when_it_has_passed():
    costs = learn(0.001, 0.0001)
    serve(costs, 0.1, 0.1, 3, most=64)  # somebody else had the processor
    sizes = serve(costs, 0.001, 0.0001, 1000)
    assert min(sizes[-100:]) >= 32


@pytest.mark.parametrize("seed", range(5))
def test_noise_as_large_as_the_time_itself_does_not_keep_batches_small(seed):
    noise = random.Random(seed)
    sizes = serve(learn(0.001, 0.0001, noise), 0.001, 0.0001, 3000, noise=noise)
    assert sum(sizes) / len(sizes) > 20
