"""Frames between a front and its server arrive whole and in order, however the kernel cuts them."""

from __future__ import annotations

import asyncio
import random
import socket

from bessemer_server.executors import link
from bessemer_server.rpc.fronts import frames
from bessemer_server.rpc.fronts.frames import Kind


async def test_frames_of_any_size_arrive_whole_and_in_order():
    dice = random.Random(1)
    bodies = [dice.randbytes(dice.choice([0, 1, 24, 25, 800, 70_000, 5_000_000])) for _ in range(60)]
    seen: list[tuple[frames.Head, bytes | memoryview]] = []
    lost = asyncio.Event()
    ours, theirs = socket.socketpair()
    receiver = await link.connect(
        theirs, lambda head, body: seen.append((frames.decode(head), body)), lost.set
    )
    sender = await link.connect(ours, lambda *_: None, lambda: None)
    for number, body in enumerate(bodies):
        free = range(number % 4)
        await sender.send(frames.encode(Kind.REQUEST, number, body, number / 8, free))
    sender.close()
    async with asyncio.timeout(30):
        await lost.wait()
    sender.write(frames.encode(Kind.STOP))  # nobody is there: it goes nowhere
    receiver.close()
    assert [body for _, body in seen] == bodies
    assert [head for head, _ in seen] == [
        (n, Kind.REQUEST, n / 8, tuple(range(n % 4))) for n in range(len(bodies))
    ]
