"""What it takes to hand a request from a front to its server: `python -m benchmarks.figures.handing_over`.

Requests of one size, sixteen under way at any time, sent over the socket pair and put into shared memory in turns. The server copies each
once, as for a batch, and answers with a few bytes. Processor time of both processes.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time

import uvloop

from bessemer_server.rpc.fronts import hub, process, sharing
from bessemer_server.rpc.fronts.predicting import Infer
from bessemer_server.worker import arena

SIZES = 800, 16_384, 65_536, 150_600, 602_112, 4_194_304
ROUNDS = 5
BYTES = 400_000_000
"""Of all requests of one round, but not more than `MOST` requests."""
MOST = 5_000
AT_ONCE = 16
ANSWER = bytes(100)


def measure(size: int, shared: arena.Arena | None) -> tuple[float, float]:
    """µs of front and server for a request with so many bytes."""
    count = min(MOST, BYTES // size)
    ours, theirs = socket.socketpair()
    told, tell = os.pipe()
    if not os.fork():
        ours.close()
        spent_s = uvloop.run(ask(theirs, shared, size, count))
        os.write(tell, str(spent_s).encode())
        os._exit(0)
    theirs.close()
    begun_s = time.process_time()
    uvloop.run(answer(ours, shared))
    server_s = time.process_time() - begun_s
    front_s = float(os.read(told, 100))
    os.wait()
    os.close(told)
    os.close(tell)
    return front_s / count * 1e6, server_s / count * 1e6


async def ask(connection: socket.socket, shared: arena.Arena | None, size: int, count: int) -> float:
    """Seconds of the processor, as a front, whose requests are already there."""
    courier = process.Courier(sharing.Places(shared) if shared else None)
    await courier.connect(connection)
    request, begun_s = bytes(size), time.process_time()

    async def go_on() -> None:
        for _ in range(count // AT_ONCE):
            await courier.infer(request, None)

    await asyncio.gather(*(go_on() for _ in range(AT_ONCE)))
    return time.process_time() - begun_s


async def answer(connection: socket.socket, shared: arena.Arena | None) -> None:
    """As the server, until the front is gone."""
    room = memoryview(bytearray(max(SIZES)))

    async def infer(request: bytes | memoryview, left_s: float | None) -> bytes:
        room[: len(request)] = request
        return ANSWER

    known: asyncio.Future[Infer] = asyncio.get_running_loop().create_future()
    known.set_result(infer)
    front = hub._Connection(known, shared)  # noqa: SLF001 - what is measured
    await front.open(connection)
    await front.ended.wait()


def main() -> None:
    """Measure and show."""
    print(f"{'bytes':>10}  {'sent: front + server':>22}  {'shared: front + server':>22}")
    for size in SIZES:
        ways = [[measure(size, make()) for _ in range(ROUNDS)] for make in (lambda: None, _make)]
        best = [min(rounds, key=sum) for rounds in ways]
        print(
            f"{size:>10,}  {best[0][0]:>10.1f} + {best[0][1]:.1f} µs  {best[1][0]:>10.1f} + {best[1][1]:.1f} µs"
        )


def _make() -> arena.Arena | None:
    return arena.create(sharing.ARENA_BYTES)


if __name__ == "__main__":
    main()
