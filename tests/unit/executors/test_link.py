"""Frames that arrive in pieces of any size."""

from __future__ import annotations

import asyncio
import socket

from hypothesis import given
from hypothesis import strategies as st

from bessemer_server.executors import link
from bessemer_server.worker import frames

FRAMES = st.lists(st.tuples(st.binary(max_size=20), st.binary(max_size=50)), max_size=6)


@given(FRAMES, st.lists(st.integers(1, 40)))
def test_frames_come_out_as_they_were_sent_however_they_are_cut(sent, cuts):
    received = []
    reader = link.Link(lambda head, body: received.append((bytes(head), bytes(body))), lambda: None)
    data = b"".join(frames.PREFIX.pack(len(head), len(body)) + head + body for head, body in sent)
    for size in cuts:
        if data:
            reader.data_received(data[:size])
            data = data[size:]
    if data:
        reader.data_received(data)
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
