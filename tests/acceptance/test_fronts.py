"""Processes that receive calls for the server: what comes through them is what the server says, and their ends harm nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import threading

import grpc
import numpy as np
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

import bessemer
from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.rpc.fronts import hub, reserving, sharing

INFER = "/inference.GRPCInferenceService/ModelInfer"
ALONE = (
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_send_message_length", -1),
)
"""A connection of its own, and nothing is tried again behind its back."""
CONNECTIONS = 24
"""So many that each front has some."""
FLOWER = np.array([[5.1, 3.5, 1.4, 0.2]], np.float32)


def make_request(name: str = "flowers", rows: int = 1) -> pb.ModelInferRequest:
    tensor = pb.ModelInferRequest.InferInputTensor(name="features", datatype="FP32", shape=[rows, 4])
    return pb.ModelInferRequest(
        model_name=name, inputs=[tensor], raw_input_contents=[np.repeat(FLOWER, rows, 0).tobytes()]
    )


@pytest.fixture(scope="module")
def fronted(tmp_path_factory):
    """A server whose calls two fronts receive, with a model."""
    from tests.fix_service import Service

    service = Service(tmp_path_factory.mktemp("fronts") / "data", "--slots", "1", "--fronts", "2")
    service.start()
    with bessemer.connect(service.address) as client:
        client.train("mlp", dataset="iris", epochs=1, name="flowers").wait(progress=False)
    yield service
    service.close()


def fronts(service) -> list[psutil.Process]:
    return [process for process in service.processes() if is_front(process)]


def is_front(process: psutil.Process) -> bool:
    try:
        return hub.MODULE in process.cmdline()
    except psutil.Error:  # it has ended
        return False


async def until(condition) -> None:
    while not condition():  # noqa: ASYNC110 - other processes know no events
        await asyncio.sleep(0.01)


@contextlib.contextmanager
def calls(address: str, count: int = CONNECTIONS):
    """The method for predictions over so many connections, bytes in and bytes out."""
    with contextlib.ExitStack() as stack:
        channels = [stack.enter_context(grpc.insecure_channel(address, ALONE)) for _ in range(count)]
        yield [channel.unary_unary(INFER) for channel in channels]


def refuse(call, body: bytes, **options) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as refusal:
        call(body, **options)
    return refusal.value.code(), refusal.value.details() or ""


def test_every_connection_gets_the_same_answers_and_every_front_has_some(fronted):
    body = make_request(rows=3).SerializeToString()
    with calls(fronted.address) as predict:
        answers = {one(body) for one in predict}
        (answer,) = map(pb.ModelInferResponse.FromString, answers)
        assert list(answer.outputs[0].shape) == [3, 3]
        port = int(fronted.address.rpartition(":")[2])
        for front in fronts(fronted):
            taken = [
                c
                for c in front.net_connections()
                if c.laddr and c.laddr[1] == port and c.status == "ESTABLISHED"
            ]
            assert taken


def test_refusals_are_those_of_a_server_that_receives_calls_itself(fronted, service):
    with bessemer.connect(service.address) as client:
        client.train("mlp", dataset="iris", epochs=1, name="flowers").wait(progress=False)
    bodies = [
        b"\xff\xff\xff",
        make_request("flower").SerializeToString(),
        pb.ModelInferRequest(model_name="flowers").SerializeToString(),
        pb.ModelInferRequest(model_name="flowers", model_version="7").SerializeToString(),
        make_request().SerializeToString()[:-1],
    ]
    with calls(fronted.address, 4) as through, calls(service.address, 1) as (direct,):
        for body in bodies:
            expected = refuse(direct, body)
            assert {refuse(one, body) for one in through} == {expected}


@pytest.fixture(scope="module")
def pictured(fronted):
    """The same with a model of pictures, which may have any size."""
    with bessemer.connect(fronted.address) as client:
        options = {"filters": [2, 2], "units": 4}
        client.train("mnist_cnn", dataset="digits", epochs=8, name="pictures", options=options).wait(
            progress=False
        )
    return fronted


def make_pictures(count: int, height: int, width: int, seed: int = 1) -> bytes:
    coarse = np.random.default_rng(seed).integers(0, 17, (count, 4, 4, 1), np.uint8)
    pictures = coarse.repeat(height // 4, axis=1).repeat(width // 4, axis=2)
    tensor = pb.ModelInferRequest.InferInputTensor(name="image", datatype="UINT8", shape=pictures.shape)
    request = pb.ModelInferRequest(
        model_name="pictures", inputs=[tensor], raw_input_contents=[pictures.tobytes()]
    )
    return request.SerializeToString()


def test_large_predictions_arrive_whole(pictured):
    body = make_pictures(9, 1000, 1100)
    with calls(pictured.address, 3) as predict:
        assert {len(one(body, timeout=60)) for one in predict} == {len(predict[0](body, timeout=60))}


async def test_large_predictions_have_their_own_answers_whoever_gives_up_beside_them(pictured):
    """More at once than the shared memory has room for, some of which are taken back or late: places are used again and again."""
    bodies = [make_pictures(1, 300 + 40 * seed, 1000, seed=seed) for seed in range(36)]
    channels = [grpc.aio.insecure_channel(pictured.address, ALONE) for _ in range(12)]
    predict = [
        channel.unary_unary(INFER, response_deserializer=pb.ModelInferResponse.FromString)
        for channel in channels
    ]
    expected = [read_scores(await predict[0](body)) for body in bodies]
    assert len({tuple(scores.round(4)) for scores in expected}) > 30
    assert 4 * sum(map(len, bodies)) > 2 * sharing.ARENA_BYTES

    async def ask(number: int) -> None:
        for turn in range(4):
            call = predict[(number + turn) % 12](bodies[number])
            late = predict[number % 12](bodies[number], timeout=0.02 * turn)
            taken_back = predict[(number + 5) % 12](bodies[number])
            asyncio.get_running_loop().call_later(0.01 * number, taken_back.cancel)
            np.testing.assert_allclose(read_scores(await call), expected[number], atol=1e-5)
            for other in (late, taken_back):
                scores = await end(other)
                if scores is not None:
                    np.testing.assert_allclose(scores, expected[number], atol=1e-5)

    async with asyncio.timeout(120):
        await asyncio.gather(*(ask(number) for number in range(len(bodies))))
    for channel in channels:
        await channel.close()


async def end(call) -> np.ndarray | None:
    """What a call that may be too late, or taken back, was answered; None for nothing."""
    late = (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED)
    try:
        return read_scores(await call)
    except asyncio.CancelledError:
        return None
    except grpc.aio.AioRpcError as error:
        if error.code() not in late:
            raise
        return None


def read_scores(answer: pb.ModelInferResponse) -> np.ndarray:
    return np.frombuffer(answer.raw_output_contents[0], "<f4")


def test_deadlines_and_clients_that_give_up_are_heard_of_by_the_server(fronted):
    body = make_request().SerializeToString()
    with calls(fronted.address, 4) as predict:
        # A fast machine may answer some in time, and refuses others that would be late.
        codes = {one.future(body, timeout=1e-4).code() for one in predict for _ in range(20)}
        for one in predict:
            one.future(body).cancel()
        assert {bool(one(body)) for one in predict} == {True}
    assert grpc.StatusCode.DEADLINE_EXCEEDED in codes
    assert codes <= {
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.OK,
    }


def test_any_other_call_passes_through_streams_too(fronted):
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            channel = stack.enter_context(grpc.insecure_channel(fronted.address, ALONE))
            health = health_pb2_grpc.HealthStub(channel)
            assert (
                health.Check(health_pb2.HealthCheckRequest()).status == health_pb2.HealthCheckResponse.SERVING
            )
            services = ProtoReflectionDescriptorDatabase(channel).get_services()
            assert "inference.GRPCInferenceService" in services
            stream = channel.stream_stream(
                "/inference.GRPCInferenceService/ModelStreamInfer",
                request_serializer=pb.ModelInferRequest.SerializeToString,
                response_deserializer=pb.ModelStreamInferResponse.FromString,
            )
            found = list(stream(iter([make_request()] * 5)))
            assert [bool(answer.error_message) for answer in found] == [False] * 5
            unknown = channel.unary_unary("/bessemer.v1.JobService/Nothing")
            assert {refuse(unknown, b"")[0] for _ in range(10)} == {grpc.StatusCode.UNIMPLEMENTED}


def test_a_client_sees_jobs_and_the_fields_of_its_mistakes_through_fronts(fronted):
    with bessemer.connect(fronted.address) as client:
        job = client.train("mlp", dataset="iris", epochs=2)
        cursors = [event.cursor for event in job.watch()]
        assert cursors == list(range(1, len(cursors) + 1))
        with pytest.raises(bessemer.InvalidArgument) as refusal:
            client.train("mlp", dataset="iris", epochs=-1)
        assert [violation.field for violation in refusal.value.violations] == ["epochs"]


async def test_a_front_that_is_killed_is_replaced_and_its_clients_come_back(fronted):
    """Whose connection it had hears UNAVAILABLE at most; everybody else notices nothing."""
    before = fronts(fronted)
    body, answered = make_request().SerializeToString(), [0] * CONNECTIONS
    stop, errors = asyncio.Event(), list[grpc.StatusCode]()

    async def ask(number: int) -> None:
        async with grpc.aio.insecure_channel(fronted.address, ALONE) as channel:
            predict = channel.unary_unary(INFER)
            while not stop.is_set():
                try:
                    await predict(body, timeout=60, wait_for_ready=True)
                    answered[number] += 1
                except grpc.aio.AioRpcError as error:
                    errors.append(error.code())

    asking = [asyncio.create_task(ask(number)) for number in range(CONNECTIONS)]
    async with asyncio.timeout(60):
        await until(lambda: min(answered) >= 5)
        before[0].kill()
        await until(lambda: len(fronts(fronted)) == 2 and before[0] not in fronts(fronted))
        reached = list(answered)
        await until(lambda: all(now >= then + 5 for now, then in zip(answered, reached, strict=True)))
        stop.set()
        await asyncio.gather(*asking)
    assert set(errors) <= {grpc.StatusCode.UNAVAILABLE}
    assert before[1] in fronts(fronted)


def test_no_front_outlives_a_server_that_is_killed_and_the_port_is_free_for_the_next(make_service):
    service = make_service("--slots", "1", "--fronts", "2")
    service.start()
    orphans, address = fronts(service), service.address
    assert len(orphans) == 2
    host, port = address.split(":")
    with socket.create_connection((host, int(port))):  # a client that stays
        service.kill()
        service.start(address)
    assert service.address == address
    assert psutil.wait_procs(orphans, timeout=10)[1] == []
    with bessemer.connect(address) as client:
        assert list(client.jobs.list()) == []


def test_two_servers_cannot_share_a_port(fronted, make_service, monkeypatch):
    for flags in ([], ["--fronts", "0"]):
        late = make_service(*flags)
        refused = subprocess.run(
            late.command(fronted.address), capture_output=True, text=True, timeout=60, check=False
        )
        assert refused.returncode == 1
        assert f"cannot listen on {fronted.address}: the port is in use" in refused.stderr
    with reserving.reserve("127.0.0.1:0")[1] as kept:
        assert kept.getsockname()[1]


def test_a_stop_leaves_no_front(make_service):
    service = make_service("--slots", "1", "--fronts", "3")
    service.start()
    running = fronts(service)
    assert len(running) == 3
    watching = threading.Event()

    def watch() -> None:
        with grpc.insecure_channel(service.address) as channel, contextlib.suppress(grpc.RpcError):
            for _ in health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest()):
                watching.set()

    thread = threading.Thread(target=watch)
    thread.start()
    assert watching.wait(30)
    assert service.stop() == 0
    thread.join(30)
    assert not thread.is_alive()
    assert not any(front.is_running() for front in running)
