"""Which requests share a batch: properties of the pure part."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bessemer_server.domain import errors
from bessemer_server.serving.batcher import Batcher, Item

ITEMS = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.integers(1, 20), st.sampled_from([1.0, 5.0, math.inf]), st.booleans()
    ),
    max_size=40,
)


def drain(batcher, now_s, cancelled):
    batches, late = [], []
    while True:
        batch, dropped = batcher.take(now_s, lambda payload: payload in cancelled)
        late += dropped
        if not batch:
            return batches, late
        batches.append(batch)


@given(ITEMS)
def test_each_request_is_served_once_or_dropped_for_a_reason(entries):
    batcher = Batcher(max_batch_rows=16, max_waiting_rows=10_000)
    items = [Item(key, rows, deadline, i) for i, (key, rows, deadline, _) in enumerate(entries)]
    cancelled = {i for i, entry in enumerate(entries) if entry[3]}
    for item in items:
        batcher.add(item)
    batches, late = drain(batcher, now_s=2.0, cancelled=cancelled)
    served = [item.payload for batch in batches for item in batch]
    assert sorted(served) == [i.payload for i in items if i.payload not in cancelled and i.deadline_s > 2.0]
    assert sorted(i.payload for i in late) == [
        i.payload for i in items if i.payload not in cancelled and i.deadline_s <= 2.0
    ]
    assert batcher.waiting_rows == 0


@given(ITEMS)
def test_a_batch_never_mixes_models_nor_passes_the_limit_unless_one_request_does(entries):
    batcher = Batcher(max_batch_rows=16, max_waiting_rows=10_000)
    for i, (key, rows, _, _) in enumerate(entries):
        batcher.add(Item(key, rows, math.inf, i))
    batches, _ = drain(batcher, now_s=0.0, cancelled=set())
    for batch in batches:
        assert len({item.key for item in batch}) == 1
        assert sum(item.rows for item in batch) <= 16 or len(batch) == 1
        assert [item.payload for item in batch] == sorted(item.payload for item in batch)


def test_the_model_whose_oldest_request_waits_longest_is_next():
    batcher = Batcher(max_batch_rows=4, max_waiting_rows=100)
    for key, payload in [("a", 0), ("b", 1), ("a", 2)]:
        batcher.add(Item(key, 4, math.inf, payload))
    batches, _ = drain(batcher, now_s=0.0, cancelled=set())
    assert [[item.payload for item in batch] for batch in batches] == [[0], [1], [2]]


def test_a_full_queue_refuses_at_once_and_says_so():
    batcher = Batcher(max_batch_rows=4, max_waiting_rows=8)
    batcher.add(Item("a", 8, math.inf, 0))
    with pytest.raises(errors.ResourceExhausted, match="8 rows wait"):
        batcher.add(Item("a", 1, math.inf, 1))


def test_a_request_larger_than_the_queue_is_taken_when_nothing_waits():
    batcher = Batcher(max_batch_rows=4, max_waiting_rows=8)
    batcher.add(Item("a", 50, math.inf, 0))
    batch, _ = batcher.take(0.0, lambda _payload: False)
    assert [item.payload for item in batch] == [0]
