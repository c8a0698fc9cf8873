"""Draws are functions of their key."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from bessemer_server.training import config, randomness

SEEDS = st.integers(0, config.MAX_SEED)


@given(SEEDS, st.integers(1, 10**6), st.integers(1, 300))
def test_an_order_is_a_permutation_that_depends_on_nothing_drawn_before(seed, epoch, samples):
    first = randomness.order(seed, epoch, samples)
    torch.rand(3)
    assert torch.equal(first, randomness.order(seed, epoch, samples))
    assert sorted(first.tolist()) == list(range(samples))


@given(SEEDS)
def test_every_part_of_a_key_matters(seed):
    keys = [
        randomness.key(seed, "dropout", 1, 2),
        randomness.key(seed, "dropout", 2, 1),
        randomness.key(seed, "dropout", 12),
        randomness.key(seed, "init", 1, 2),
        randomness.key((seed + 1) % 2**63, "dropout", 1, 2),
    ]
    assert len(set(keys)) == len(keys)
    assert all(0 <= key < 2**63 for key in keys)


def test_keys_are_the_same_on_every_machine():
    assert randomness.key(7, "order", 1) == 7_154_384_490_926_572_662
