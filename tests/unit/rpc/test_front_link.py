"""Frames between a front and its server arrive whole and in order, however the kernel cuts them."""

from __future__ import annotations

import asyncio
import random
import socket

from bessemer_server.rpc.fronts import frames, link
from bessemer_server.rpc.fronts.frames import Kind


async def test_frames_of_any_size_arrive_whole_and_in_order():
    dice = random.Random(1)
    bodies = [dice.randbytes(dice.choice([0, 1, 24, 25, 800, 70_000, 5_000_000])) for _ in range(60)]
    seen: list[tuple[frames.Head, bytes]] = []
    lost = asyncio.Event()
    ours, theirs = socket.socketpair()
    receiver = await link.connect(theirs, lambda head, body: seen.append((head, body)), lost.set)
    sender = await link.connect(ours, lambda *_: None, lambda: None)
    for number, body in enumerate(bodies):
        await sender.drain()
        sender.send(frames.encode_head(Kind.REQUEST, number, len(body), number / 8), body)
    sender.close()
    async with asyncio.timeout(30):
        await lost.wait()
    sender.send(frames.encode_head(Kind.STOP))  # nobody is there: it goes nowhere
    receiver.close()
    assert [body for _, body in seen] == bodies
    assert [(head.number, head.kind, head.left_s) for head, _ in seen] == [
        (number, Kind.REQUEST, number / 8) for number in range(len(bodies))
    ]


def test_frames_are_cut_at_any_byte():
    seen: list[bytes] = []
    cut = link.Link(lambda _, body: seen.append(body), lambda: None)
    bodies = [bytes([n]) * n for n in range(40)]
    stream = b"".join(frames.encode_head(Kind.ANSWER, n, len(b)) + b for n, b in enumerate(bodies))
    dice = random.Random(2)
    start = 0
    while start < len(stream):
        end = start + dice.randrange(1, 60)
        cut.data_received(stream[start:end])
        start = end
    assert seen == bodies
