"""Frames that arrive in pieces of any size."""

from __future__ import annotations

import asyncio
import socket

from hypothesis import given
from hypothesis import strategies as st

from bessemer_server.executors import link
from bessemer_server.worker import frames

SIZES = st.one_of(
    st.integers(0, 50), st.integers(link.BUFFER_BYTES - 60, link.BUFFER_BYTES + 5), st.integers(0, 1 << 17)
)
FRAMES = st.lists(st.tuples(SIZES, SIZES), max_size=4)
PIECES = st.lists(st.one_of(st.integers(1, 40), st.integers(1, 1 << 17)))


@given(FRAMES, PIECES, st.randoms())
def test_frames_come_out_as_they_were_sent_however_they_are_cut(sizes, cuts, draw):
    sent = [(draw.randbytes(head), draw.randbytes(body)) for head, body in sizes]
    received = []  # kept as they are given: what comes later must not change them
    reader = link.Link(lambda head, body: received.append((head, body)), lambda: None)
    data = memoryview(b"".join(frames.PREFIX.pack(len(head), len(body)) + head + body for head, body in sent))
    sizes = iter(cuts)
    while data:
        into = reader.get_buffer(-1)
        count = min(len(into), len(data), next(sizes, len(data)))
        assert count > 0
        into[:count] = data[:count]
        reader.buffer_updated(count)
        data = data[count:]
    assert received == sent


async def test_a_sender_waits_for_a_reader_that_does_not_keep_up_and_not_for_one_that_is_gone():
    ours, theirs = socket.socketpair()
    connection = await link.connect(ours, lambda head, body: None, lambda: None)
    sending = asyncio.create_task(connection.send([bytes(8 << 20)]))
    await asyncio.sleep(0)
    assert not sending.done()
    theirs.close()
    await sending
    await connection.ended.wait()


async def test_who_hangs_up_now_does_not_wait_for_a_reader_that_is_stuck():
    ours, theirs = socket.socketpair()
    connection = await link.connect(ours, lambda head, body: None, lambda: None)
    with theirs:
        sending = asyncio.create_task(connection.send([bytes(8 << 20)]))
        await asyncio.sleep(0)
        connection.abort()
        await connection.ended.wait()
        await sending
