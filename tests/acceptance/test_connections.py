"""Connections as clients make them, good ones and bad ones: what one does is not felt by another."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import grpc
import numpy as np
import psutil
import pytest
import tritonclient.grpc as triton

import bessemer
from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.rpc.fronts import predicting
from bessemer_server.rpc.http2 import frames, framing, headers, messages

FLOWER = np.array([[5.1, 3.5, 1.4, 0.2]], np.float32)
HEAD = headers.encode(
    [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", predicting.PATH),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]
)
WIDE = frames.settings({frames.Setting.INITIAL_WINDOW_SIZE: frames.MAX_WINDOW})
BEGIN = frames.PREFACE + WIDE + frames.window_update(0, frames.MAX_WINDOW - frames.FIRST_WINDOW)


@pytest.fixture(scope="module")
def served(service):
    with bessemer.connect(service.address) as client:
        client.train("mlp", dataset="iris", epochs=1, name="steady").wait(progress=False)
    return service


def make_request() -> bytes:
    tensor = pb.ModelInferRequest.InferInputTensor(name="features", datatype="FP32", shape=[1, 4])
    request = pb.ModelInferRequest(
        model_name="steady", inputs=[tensor], raw_input_contents=[FLOWER.tobytes()]
    )
    return request.SerializeToString()


def call(number: int) -> bytes:
    """One whole call."""
    data = messages.pack(make_request())
    return frames.frame(frames.HEADERS, frames.END_HEADERS, number, HEAD) + frames.frame(
        frames.DATA, frames.END_STREAM, number, data
    )


def connect(service) -> socket.socket:
    host, _, port = service.address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=60)


def predict(service) -> int:
    with bessemer.connect(service.address) as client:
        return client.models.get("steady").predict(FLOWER)[0].index


@pytest.mark.parametrize("compression", [None, "gzip", "deflate"])
def test_tritonclient_may_compress(served, compression):
    features = triton.InferInput("features", [1, 4], "FP32")
    features.set_data_from_numpy(FLOWER)
    with contextlib.closing(triton.InferenceServerClient(served.address)) as client:
        plain = client.infer("steady", [features]).as_numpy("probabilities")
        packed = client.infer("steady", [features], compression_algorithm=compression)
    np.testing.assert_allclose(packed.as_numpy("probabilities"), plain, atol=1e-6)


@pytest.mark.parametrize("size", [100, 9_000, 17_000, 60_000])
def test_metadata_comes_through_with_every_call(served, size):
    """gRPC's own bound is 8 KiB, from which on it refuses by chance."""
    metadata = (("x-trace", "v" * size),)
    with grpc.insecure_channel(served.address) as channel:
        for method, request in (("ModelInfer", make_request()), ("ServerLive", b"")):
            ask = channel.unary_unary(f"/inference.GRPCInferenceService/{method}")
            for _ in range(10):
                assert ask(request, metadata=metadata, timeout=60)


async def test_thousands_of_calls_share_one_connection(served):
    async with grpc.aio.insecure_channel(served.address) as channel:
        ask = channel.unary_unary(predicting.PATH)
        answers = await asyncio.gather(*(ask(make_request()) for _ in range(5000)))
    found = {tuple(pb.ModelInferResponse.FromString(answer).outputs[0].shape) for answer in answers}
    assert found == {(1, 3)}


def test_a_client_that_never_reads_is_read_no_more_and_holds_up_nobody(served):
    """It could make the server keep answer after answer for it."""
    expected, sent = predict(served), 0
    with connect(served) as stalled:
        stalled.sendall(BEGIN)
        stalled.settimeout(2)
        with contextlib.suppress(TimeoutError):
            while sent < 200 << 20:
                sent += stalled.send(frames.frame(frames.PING, 0, 0, bytes(8)) * 1000)
        assert sent < 100 << 20
        assert predict(served) == expected
        stalled.settimeout(60)
        heard = 0
        while heard < sent * 9 // 10:
            heard += len(stalled.recv(1 << 20))
    assert predict(served) == expected


@pytest.mark.parametrize(
    "words",
    [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\0" * 100],
    ids=["http/1", "tls", "zeros"],
)
def test_who_speaks_something_else_is_hung_up_on(served, words):
    with connect(served) as other:
        other.sendall(words)
        heard = b"".join(iter(lambda: other.recv(65_536), b""))
    assert b"this is no HTTP/2" in heard


def test_calls_that_are_reset_at_once_again_and_again_leave_nothing_behind(served):
    """Rapid reset: CVE-2023-44487."""
    server = psutil.Process(served.pid)
    before = 0
    for _ in range(6):
        with connect(served) as hasty, contextlib.suppress(ConnectionError):
            hasty.sendall(BEGIN)
            for first in range(1, 400_001, 200):  # many more than anybody is let
                numbers = range(first, first + 200, 2)
                hasty.sendall(b"".join(call(n) + frames.reset(n, frames.Code.CANCEL) for n in numbers))
            raise AssertionError("nobody has sent it away")
        before = before or server.memory_info().rss
    with connect(served) as other:
        other.sendall(BEGIN + call(1))
        assert len(read_messages(other, 1)) == 1
    assert server.memory_info().rss - before < 64 << 20


def read_messages(connection: socket.socket, number: int) -> list[bytes]:
    """What a stream is answered."""
    reader, found = framing.Framing(), []
    heard = BEGIN
    while True:
        for frame in reader.read(heard):
            if frame.stream == number and frame.kind == frames.DATA:
                found.append(bytes(frame.payload))
            if frame.stream == number and frame.flags & frames.END_STREAM:
                return found
        heard = connection.recv(1 << 20)
        assert heard, "the server has hung up"


def test_a_message_that_states_more_than_there_is_room_for_is_refused_before_it_comes(served):
    with connect(served) as greedy:
        greedy.sendall(BEGIN + frames.frame(frames.HEADERS, frames.END_HEADERS, 1, HEAD))
        greedy.sendall(frames.frame(frames.DATA, 0, 1, b"\0\x7f\xff\xff\xff"))
        assert read_messages(greedy, 1) == []
    unbound = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(served.address, unbound) as channel:
        ask: Any = channel.unary_unary(predicting.PATH)
        with pytest.raises(grpc.RpcError) as refusal:
            ask(bytes(messages.MAX_BYTES + 1))
    assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "268,435,456 are the most" in (refusal.value.details() or "")
