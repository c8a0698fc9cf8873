"""Which models fit into memory together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bessemer_server.domain import errors
from bessemer_server.executors.budget import MIB, Budget

LIMIT = 100


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(1, LIMIT)), max_size=40))
def test_the_limit_holds_whatever_is_loaded_and_no_more_goes_than_has_to(wanted):
    budget, order = Budget(LIMIT), []
    for key, size in wanted:
        if key in budget:
            budget.use(key)
            order = [k for k in order if k != key] + [key]
            continue
        before = budget.used_bytes
        leaving = budget.choose_leaving(key, size)
        assert leaving == order[: len(leaving)]  # the least recently used ones
        sizes = []
        for other in leaving:
            held = budget.used_bytes
            budget.remove(other)
            sizes.append(held - budget.used_bytes)
        if leaving:
            assert before - sum(sizes[:-1]) + size > LIMIT  # the last one had to go too
        budget.add(key, size)
        order = [*order[len(leaving) :], key]
        assert budget.used_bytes <= LIMIT


def test_a_model_that_never_fits_is_refused_with_what_to_change():
    with pytest.raises(errors.ResourceExhausted) as refused:
        Budget(10 * MIB).choose_leaving("big/1", 11 * MIB)
    assert refused.value.message == (
        "model big/1 takes 11 MiB of memory, but all models together may take 10; start the service with a larger "
        "--predictor-memory-mib"
    )
    assert refused.value.reason == "MODEL_TOO_LARGE"


def test_a_model_that_grew_displaces_others_but_never_itself():
    budget = Budget(10)
    for key in "abc":
        budget.add(key, 3)
    budget.add("c", 6)
    assert budget.choose_leaving("c", 6) == ["a"]
