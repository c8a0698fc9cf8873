"""A line that goes dead without a word, as when a host loses its power or a firewall forgets a connection."""

import asyncio
import concurrent.futures
import contextlib
import socket
import threading

import grpc
import pytest

import bessemer
from bessemer import _calls
from bessemer.v1 import jobs_pb2, jobs_pb2_grpc

QUICK = {
    "grpc.keepalive_time_ms": 300,
    "grpc.keepalive_timeout_ms": 1000,
    "grpc.http2.ping_timeout_ms": 1000,
}


class Servicer(jobs_pb2_grpc.JobServiceServicer):
    """A first watcher has one event and then silence; one behind it has the end."""

    def __init__(self):
        self.done = threading.Event()

    def GetJob(self, request, context):  # noqa: N802 - gRPC's name
        return jobs_pb2.Job(id=request.id, state=jobs_pb2.Job.SUCCEEDED)

    def WatchJob(self, request, context):  # noqa: N802 - gRPC's name
        state = jobs_pb2.Job.SUCCEEDED if request.cursor else jobs_pb2.Job.RUNNING
        yield jobs_pb2.JobEvent(cursor=request.cursor + 1, state_changed=jobs_pb2.StateChanged(state=state))
        if not request.cursor:
            self.done.wait()


class Relay:
    """Passes bytes between clients and a server, until it is told to let what is open fall silent."""

    def __init__(self, target):
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open = []
        self._dead_below = 0
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def fall_silent(self):
        """Nothing passes any more over the connections of now; new ones are as good as ever."""
        self._dead_below = len(self._open)

    def close(self):
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
                number = len(self._open)
                self._open += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(number, source, sink), daemon=True).start()

    def _pump(self, number, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if number >= self._dead_below:
                    sink.sendall(data)


@pytest.fixture(params=[0, 1], ids=["no ping under way", "perhaps a ping of gRPC's own under way"])
def relay(monkeypatch, request):
    options = [(name, QUICK.get(name, value)) for name, value in _calls.CHANNEL_OPTIONS]
    options.append(("grpc.http2.bdp_probe", request.param))
    monkeypatch.setattr(_calls, "CHANNEL_OPTIONS", options)
    servicer = Servicer()
    server = grpc.server(
        concurrent.futures.ThreadPoolExecutor(4),
        options=[
            ("grpc.http2.min_ping_interval_without_data_ms", 10),
            ("grpc.keepalive_permit_without_calls", 1),
        ],
    )
    jobs_pb2_grpc.add_JobServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    relay = Relay(("127.0.0.1", port))
    yield relay
    servicer.done.set()
    relay.close()
    server.stop(None).wait()


def test_a_watch_over_a_dead_line_goes_on_over_a_new_one(relay):
    with bessemer.connect(relay.address) as client:
        found = []
        for event in client.jobs.get("j").watch():
            found.append(event.cursor)
            if len(found) == 1:
                relay.fall_silent()
        assert found == [1, 2]


def test_a_watch_by_asyncio_over_a_dead_line_goes_on_over_a_new_one(relay):
    async def watch():
        async with bessemer.aio.connect(relay.address) as client:
            found = []
            async for event in (await client.jobs.get("j")).watch():
                found.append(event.cursor)
                if len(found) == 1:
                    relay.fall_silent()
            return found

    assert asyncio.run(watch()) == [1, 2]
