"""What it takes to receive a frame from a process of the server's own: `python -m benchmarks.figures.receiving_frames`.

A thread sends frames over a socket pair as fast as they are received. Processor time of the receiving thread.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import uvloop

from bessemer_server.executors import link
from bessemer_server.worker import frames

SIZES = 800, 60_000, 150_600, 602_112
ROUNDS = 5
BYTES = 200_000_000
"""Of all frames of one round, but not more than `MOST`."""
MOST = 20_000
HEAD = bytes(17)


async def measure(size: int, count: int) -> float:
    """µs for a frame with so many bytes."""
    ours, theirs = socket.socketpair()
    received = asyncio.Event()
    left = count

    def receive(head: bytes, body: bytes | memoryview) -> None:
        nonlocal left
        left -= 1
        if not left:
            received.set()

    connection = await link.connect(ours, receive, lambda: None)
    frame = frames.PREFIX.pack(len(HEAD), size) + HEAD + bytes(size)

    def send() -> None:
        for _ in range(count):
            theirs.sendall(frame)

    sender = threading.Thread(target=send)
    begun_s = time.thread_time()
    sender.start()
    await received.wait()
    spent_s = time.thread_time() - begun_s
    sender.join()
    connection.close()
    theirs.close()
    return spent_s / count * 1e6


def main() -> None:
    """Measure and show."""
    for size in SIZES:
        times = [uvloop.run(measure(size, min(MOST, BYTES // size))) for _ in range(ROUNDS)]
        print(f"{size:>9,} bytes: {min(times):.1f} µs (slowest round {max(times):.1f})")


if __name__ == "__main__":
    main()
