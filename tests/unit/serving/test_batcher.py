"""Which requests share a batch: properties of the pure part."""

import math
import weakref
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bessemer_server.domain import errors
from bessemer_server.serving.batcher import LAST, Batcher, Item

ENTRIES = st.lists(
    st.tuples(
        st.sampled_from("abc"),  # model
        st.sampled_from([1, 2, None]),  # form
        st.integers(1, 20),  # rows
        st.sampled_from([1.0, 5.0, math.inf]),  # deadline
        st.integers(0, 3),  # priority
        st.booleans(),  # given up
    ),
    max_size=40,
)


def item(model, payload, *, rows=1, deadline_s=math.inf):
    return Item(model, 1, rows, deadline_s, payload)


def fill(entries, **limits):
    batcher = Batcher(**{"max_batch_rows": 16, "max_waiting_rows": 10_000, **limits})
    items = [
        Item(model, form, rows, deadline_s, n, priority)
        for n, (model, form, rows, deadline_s, priority, _) in enumerate(entries)
    ]
    for each in items:
        batcher.add(each)
    return batcher, items


def drain(batcher, now_s=0.0, cost_s=1.0):
    batches, late = [], []
    while True:
        batch, dropped = batcher.take(now_s)
        late += dropped
        if not batch:
            return batches, late
        batches.append(batch)
        batcher.charge(batch[0].model, cost_s)


def payloads(items):
    return sorted(each.payload for each in items)


@given(ENTRIES)
def test_each_request_is_served_once_or_dropped_for_a_reason(entries):
    batcher, items = fill(entries)
    given_up = [each for each, entry in zip(items, entries, strict=True) if entry[-1]]
    for each in given_up * 2:
        batcher.discard(each)
    batches, late = drain(batcher, now_s=2.0)
    rest = [each for each in items if each not in given_up]
    assert payloads(chain(*batches)) == payloads(each for each in rest if each.deadline_s > 2.0)
    assert payloads(late) == payloads(each for each in rest if each.deadline_s <= 2.0)
    assert (batcher.waiting, batcher.waiting_rows) == (0, 0)


@given(ENTRIES)
def test_a_batch_mixes_neither_models_nor_forms_and_keeps_to_the_limit_unless_one_request_does_not(entries):
    batcher, _ = fill(entries)
    batches, _ = drain(batcher)
    for batch in batches:
        assert len({(each.model, each.form) for each in batch}) == 1
        assert batch[0].form is not None or len(batch) == 1
        assert sum(each.rows for each in batch) <= 16 or len(batch) == 1


@given(ENTRIES)
def test_of_one_model_and_priority_the_first_to_come_is_the_first_to_go(entries):
    batcher, _ = fill(entries)
    batches, _ = drain(batcher)
    served = list(chain(*batches))
    for model in "abc":
        for priority in range(4):
            mine = [each.payload for each in served if (each.model, each.priority) == (model, priority)]
            assert mine == sorted(mine)


@given(ENTRIES)
def test_a_batch_begins_with_the_highest_priority_that_waits(entries):
    batcher, items = fill(entries)
    while batch := batcher.take(0.0)[0]:
        waiting = [each.level for each in items if not each.is_gone]
        assert all(batch[0].level <= level for level in waiting)


def test_a_model_with_a_long_queue_holds_up_no_other():
    batcher = Batcher(max_batch_rows=4, max_waiting_rows=1000)
    for n in range(100):
        batcher.add(item("long", n))
    order = []
    for turn in range(10):
        if turn == 2:
            batcher.add(item("short", "s1", rows=4))
            batcher.add(item("short", "s2", rows=4))
        batch, _ = batcher.take(0.0)
        order.append(batch[0].model)
        batcher.charge(batch[0].model, 1.0)
    assert order[:6] == ["long", "long", "long", "short", "long", "short"]


def test_time_of_the_predictor_is_shared_and_not_turns():
    batcher = Batcher(max_batch_rows=1, max_waiting_rows=1000)
    for n in range(40):
        batcher.add(item("heavy", n))
        batcher.add(item("light", n))
    turns = []
    for _ in range(33):
        batch, _ = batcher.take(0.0)
        turns.append(batch[0].model)
        batcher.charge(batch[0].model, 10.0 if batch[0].model == "heavy" else 1.0)
    assert turns.count("light") == pytest.approx(10 * turns.count("heavy"), abs=10)


def test_a_model_that_was_busy_alone_owes_nothing_to_one_that_comes_later():
    batcher = Batcher(max_batch_rows=1, max_waiting_rows=1000)
    for n in range(600):
        batcher.add(item("fast", n))
        batcher.take(0.0)
        batcher.charge("fast", 0.1)
        batcher.take(0.0)
    for n in range(100):
        batcher.add(item("slow", n))
    for _ in range(10):
        batcher.add(item("fast", -1))
        turns = []
        while "fast" not in turns:
            turns.append(batcher.take(0.0)[0][0].model)
            batcher.charge(turns[-1], 0.02)
        assert len(turns) <= 8  # until slow has had what fast's last batch took, and one batch


def test_what_models_spent_long_ago_is_forgotten():
    batcher = Batcher(max_batch_rows=1, max_waiting_rows=1000)
    for n in range(1000):
        batcher.add(item(f"model-{n}", n))
        batcher.take(0.0)
        batcher.charge(f"model-{n}", 1.0)
        batcher.take(0.0)
    assert len(batcher._spent_s) < 10


def test_a_full_queue_refuses_at_once_and_says_so():
    batcher = Batcher(max_batch_rows=4, max_waiting_rows=8)
    batcher.add(item("a", 0, rows=8))
    with pytest.raises(errors.ResourceExhausted, match="8 rows of the model wait"):
        batcher.add(item("a", 1))


def test_a_flood_on_one_model_takes_no_room_from_another():
    batcher = Batcher(max_batch_rows=4, max_waiting_rows=8, max_waiting=6)
    for model in "ab":
        batcher.add(item(model, 0, rows=8))
    for model in "cd":
        batcher.add(item(model, 0, rows=4))
        batcher.add(item(model, 1, rows=4))
    with pytest.raises(errors.ResourceExhausted, match="8 rows of the model wait"):
        batcher.add(item("d", 2))
    with pytest.raises(errors.ResourceExhausted, match="8 rows of the model wait"):
        batcher.add(item("a", 1))
    batcher.add(item("e", 0, rows=100))  # whatever waits of others
    with pytest.raises(errors.ResourceExhausted):
        batcher.add(item("e", 1))


def test_what_was_given_up_makes_room_at_once():
    batcher = Batcher(max_batch_rows=4, max_waiting_rows=8)
    first = item("a", 0, rows=8)
    batcher.add(first)
    batcher.discard(first)
    batcher.add(item("a", 1, rows=8))
    assert payloads(batcher.take(0.0)[0]) == [1]


def test_a_request_larger_than_the_queue_is_taken_when_nothing_waits():
    batcher = Batcher(max_batch_rows=4, max_waiting_rows=8)
    batcher.add(item("a", 0, rows=50))
    assert payloads(batcher.take(0.0)[0]) == [0]


def test_deadlines_of_requests_that_were_served_do_not_pile_up():
    batcher = Batcher(max_batch_rows=4, max_waiting_rows=8)
    for n in range(10_000):
        batcher.add(item("a", n, deadline_s=1e9))
        batcher.take(0.0)
    assert len(batcher._deadlines) < 2000


def test_a_batch_holds_no_more_rows_than_pay():
    batcher, _ = fill([("a", 1, 1, math.inf, 0, False)] * 20)
    for rows in (1, 2):
        batcher.learn("a", rows, 0.1 * rows)
    assert [len(batch) for batch in drain(batcher)[0]] == [1] * 20


@given(ENTRIES, st.integers(0, 3))
def test_the_rows_before_a_request_are_those_of_its_model_that_wait_and_go_first(entries, priority):
    batcher, items = fill(entries)
    for each, entry in zip(items, entries, strict=True):
        if entry[-1]:
            batcher.discard(each)
    level = priority or math.inf
    expected = sum(
        each.rows
        for each in items
        if not each.is_gone and each.model == "a" and (each.priority or math.inf) <= level
    )
    assert batcher.rows_before("a", priority) == expected
    drain(batcher)
    assert batcher.rows_before("a", priority) == 0


class Payload:
    """What can be seen to be let go."""


@pytest.mark.parametrize("goes", ["taken", "discarded", "behind another"])
def test_nothing_is_kept_of_what_is_gone_though_its_deadline_has_not_come(goes):
    batcher = Batcher(max_batch_rows=1, max_waiting_rows=8)
    if goes == "behind another":
        batcher.add(item("a", 0))
    payload = Payload()
    seen = weakref.ref(payload)
    one = item("a", payload, deadline_s=1e9)
    batcher.add(one)
    if goes == "taken":
        batcher.take(0.0)
    else:
        batcher.discard(one)
    del one, payload
    assert seen() is None


@pytest.mark.parametrize("priority", [14, 15, 2**63, 2**64 - 1])
def test_any_priority_goes_before_none_and_counts_in_the_bound(priority):
    batcher = Batcher(max_batch_rows=1, max_waiting_rows=2)
    batcher.add(item("a", "last"))
    batcher.add(Item("a", 1, 1, math.inf, "first", priority))
    with pytest.raises(errors.ResourceExhausted):
        batcher.add(Item("a", 1, 1, math.inf, "too much", priority))
    assert [batch[0].payload for batch in drain(batcher)[0]] == ["first", "last"]


def test_there_are_so_many_levels_and_no_more():
    batcher = Batcher(max_batch_rows=64, max_waiting_rows=10_000)
    for n in range(1000):
        batcher.add(Item("a", 1, 1, math.inf, n, n))
    assert len(batcher._queues["a"]._levels) == LAST
    assert [each.payload for each in chain(*drain(batcher)[0])] == [*range(1, 1000), 0]


def test_a_model_that_may_not_go_is_passed_over_and_keeps_its_place():
    batcher = Batcher(max_batch_rows=1, max_waiting_rows=8)
    for n, model in enumerate("abab"):
        batcher.add(item(model, n))

    def may(head):
        return head.model != "a"

    taken = []
    while head := batcher.head(may):
        taken += payloads(batcher.take_with(head))
        taken += payloads(batcher.take(0.0)[0])
    assert taken == [1, 0, 3, 2]
    batcher.add(item("a", 4))
    assert batcher.head(may) is None
    assert batcher.drop(["b"]) == []
    assert payloads(batcher.drop(["a"])) == [4]
    assert (batcher.waiting, batcher.waiting_rows, list(batcher.models())) == (0, 0, [])


def test_the_first_deadline_is_that_of_what_waits():
    batcher = Batcher(max_batch_rows=1, max_waiting_rows=8)
    assert batcher.due_s == math.inf
    first, second = item("a", 1, deadline_s=5.0), item("a", 2, deadline_s=7.0)
    batcher.add(first)
    batcher.add(second)
    assert batcher.due_s == 5.0
    batcher.discard(first)
    assert batcher.due_s == 7.0
    assert batcher.expire(6.0) == []
    assert batcher.expire(7.0) == [second]
    assert batcher.due_s == math.inf
