"""What receiving a call costs: empty handlers of grpc.aio, of the library `h2`, and of our HTTP/2, under the same load in turns.

`python -m benchmarks.serving.receiving [--clients 1 32] [--rounds 3] [--seconds 1.5]`; needs h2load (Debian: nghttp2-client).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from typing import cast

import h2.config
import h2.connection
import h2.events
import uvloop

from benchmarks.serving import load, systems
from bessemer_server.rpc.fronts import predicting, reserving
from bessemer_server.rpc.http2 import messages, server

REQUEST = bytes(800)


class Echo(asyncio.Protocol):
    """Gives back each request, by `h2`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        settings = h2.config.H2Configuration(
            client_side=False,
            validate_inbound_headers=False,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        self._connection = h2.connection.H2Connection(settings)
        self._connection.initiate_connection()
        self._bodies: dict[int, list[bytes]] = {}
        self._flush()

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        for event in self._connection.receive_data(data):
            match event:
                case h2.events.RequestReceived():
                    self._bodies[event.stream_id] = []
                case h2.events.DataReceived():
                    self._bodies[event.stream_id].append(event.data)
                    self._connection.acknowledge_received_data(
                        event.flow_controlled_length or 0, event.stream_id
                    )
                case h2.events.StreamEnded():
                    self._answer(event.stream_id)
        self._flush()

    def _answer(self, stream: int) -> None:
        begin = [(b":status", b"200"), (b"content-type", b"application/grpc")]
        self._connection.send_headers(stream, begin)
        self._connection.send_data(stream, b"".join(self._bodies.pop(stream)))
        self._connection.send_headers(stream, [(b"grpc-status", b"0")], end_stream=True)

    def _flush(self) -> None:
        self._transport.write(self._connection.data_to_send())


async def _give_back(request: bytes | memoryview, left_s: float | None) -> bytes:
    return bytes(request)


async def _serve(name: str) -> None:
    address, listening = reserving.reserve("127.0.0.1:0")
    if name == "h2":
        await asyncio.get_running_loop().create_server(Echo, sock=listening)
    else:
        ours = server.Http2Server(
            lambda stream: predicting.PredictionCall(stream, _give_back),
            predicting.refuse,
            messages.Budget(1 << 30),
        )
        await ours.start(listening)
    print(address, flush=True)
    await asyncio.Event().wait()


@contextlib.contextmanager
def _start(name: str) -> Iterator[systems.System]:
    command = [sys.executable, "-m", "benchmarks.serving.receiving", "--serve", name]
    if name == "grpc.aio":
        command = [sys.executable, "-m", "benchmarks.serving.floor"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            address = process.stdout.readline().strip()
            yield systems.System(name, process.pid, load.Target(address, load.INFER, REQUEST))
        finally:
            process.kill()


def main() -> None:
    """Measure, and print a line for each run; or be one of the servers."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving.receiving", description=__doc__)
    parser.add_argument("--serve", choices=("h2", "ours"), help="be this server until ended")
    parser.add_argument("--clients", type=int, nargs="*", default=[1, 32])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5)
    arguments = parser.parse_args()
    if arguments.serve:
        uvloop.run(_serve(arguments.serve))
    with contextlib.ExitStack() as stack:
        begun = [stack.enter_context(_start(name)) for name in ("grpc.aio", "h2", "ours")]
        print("clients, server: requests/s, p50 ms, p99 ms, CPU-ms")
        for clients in arguments.clients:
            for _ in range(arguments.rounds):
                for system in begun:
                    run = load.run(system.target, system.pid, clients=clients, seconds=arguments.seconds)
                    print(
                        f"{clients:>3} {system.name:<9} {run.requests_per_second:>7,.0f} {run.p50_ms:>7.2f} "
                        f"{run.p99_ms:>7.2f} {run.cpu_ms:>7.3f}"
                    )


if __name__ == "__main__":
    main()
