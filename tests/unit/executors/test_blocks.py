"""Parts of shared memory."""

from hypothesis import given
from hypothesis import strategies as st

from bessemer_server.executors.blocks import ALIGNMENT, Blocks

SIZE = 1000


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 600)), max_size=30))
def test_blocks_never_overlap_and_stay_inside(steps):
    blocks, held = Blocks(SIZE), []
    for takes, number in steps:
        if takes:
            start = blocks.take(number)
            if start is not None:
                assert start % ALIGNMENT == 0
                assert start + number <= SIZE
                assert all(start + number <= begin or end <= start for begin, end in held)
                held.append((start, start + number))
        elif held:
            blocks.give_back(held.pop(number % len(held))[0])
    assert blocks.is_empty == (not held)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=5))
def test_what_was_given_back_can_be_taken_whole(sizes):
    blocks = Blocks(SIZE)
    starts = [start for size in sizes if (start := blocks.take(size)) is not None]
    for start in starts:
        blocks.give_back(start)
    assert blocks.take(SIZE) == 0
    assert blocks.take(1) is None
