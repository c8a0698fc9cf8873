"""A server that stops, a model that changes, while clients predict without a pause: no prediction that was accepted is lost."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import grpc
import numpy as np
import pytest

import bessemer
from bessemer.inference.v2 import inference_pb2 as pb
from tests.hostile import canaries, subjects

T = TypeVar("T")
CLIENTS = 16
ALONE = (("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1))
"""Each client has a connection of its own, and nothing is tried again behind its back."""
MODEL = "drained"
INPUTS = subjects.draw_features(random.Random(1))
FEATURES = np.frombuffer(INPUTS[0].raw, np.float32).reshape(1, 4)


class Load:
    """Clients in closed loops, each until its first error."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.answered: Counter[str] = Counter()
        """By version."""
        self.ended: list[grpc.aio.AioRpcError] = []
        self.progress = asyncio.Event()

    def start(self) -> list[asyncio.Task[None]]:
        """All clients; a third of them predict over streams."""
        kinds = (self._ask, self._ask, self._ask_in_stream)
        return [asyncio.create_task(kinds[n % len(kinds)]()) for n in range(CLIENTS)]

    async def answer_more(self, count: int) -> None:
        """Wait until so many more were answered."""
        wanted = self.answered.total() + count
        while self.answered.total() < wanted:
            self.progress.clear()
            await self.progress.wait()

    async def _ask(self) -> None:
        async with grpc.aio.insecure_channel(self._address, ALONE) as channel:
            caller = canaries.Caller(channel)
            try:
                while True:
                    self._note(await caller.infer(subjects.make_request(MODEL, INPUTS)))
            except grpc.aio.AioRpcError as error:
                self.ended.append(error)

    async def _ask_in_stream(self) -> None:
        body = subjects.make_request(MODEL, INPUTS).SerializeToString()
        async with grpc.aio.insecure_channel(self._address, ALONE) as channel:
            try:
                while True:
                    async for answer in canaries.Caller(channel).stream([body] * 5):
                        if answer.error_message:
                            raise _refuse(answer.error_message)
                        self._note(answer.infer_response)
            except grpc.aio.AioRpcError as error:
                self.ended.append(error)

    def _note(self, response: pb.ModelInferResponse) -> None:
        assert subjects.read(response).shape == (1, 3)
        self.answered[response.model_version] += 1
        self.progress.set()

    def check_refusals(self, *words: str) -> None:
        """All clients have ended, and each with some of the words."""
        told = Counter(error.details() or "" for error in self.ended)
        assert len(self.ended) == CLIENTS
        assert all(any(word in details for word in words) for details in told), told


def _refuse(message: str) -> grpc.aio.AioRpcError:
    nothing = grpc.aio.Metadata()
    return grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, nothing, nothing, details=message)


async def until(find: Callable[[], T]) -> T:
    """What is found, when it is there: nothing tells of it."""
    while not (found := find()):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return found


async def ask_ready(channel, method, request, response):
    call = channel.unary_unary(f"{canaries.SERVICE}/{method}")
    return response.FromString(await call(request.SerializeToString())).ready


class Loyal(threading.Thread):
    """A client of the SDK, which bears a restart."""

    def __init__(self, model) -> None:
        super().__init__(daemon=True)
        self._model = model
        self.is_over = False
        self.answered = 0
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            while not self.is_over:
                self._model.predict(FEATURES)
                self.answered += 1
        except Exception as error:
            self.error = error


@pytest.mark.long
async def test_a_stop_under_load_loses_no_prediction_and_clients_of_the_sdk_notice_no_restart(make_service):
    service = make_service("--grace-seconds", "2", "--slots", "1")
    service.start()
    with bessemer.connect(service.address) as client:
        model = client.train("mlp", dataset="iris", name=MODEL, epochs=1).wait(progress=False).model
        assert model is not None
        client.train("mnist_cnn", dataset="digits", epochs=1000)
        trainers = await until(service.trainers)
        trainers[0].suspend()  # it does not save: the stop waits for it as long as it may
        load, loyal = Load(service.address), Loyal(model)
        clients = load.start()
        loyal.start()
        await load.answer_more(100)
        os.kill(service.pid, signal.SIGTERM)
        async with grpc.aio.insecure_channel(service.address) as channel:
            while await ask_ready(channel, "ServerReady", pb.ServerReadyRequest(), pb.ServerReadyResponse):
                pass
            asked = pb.ModelReadyRequest(name=MODEL)
            assert not await ask_ready(channel, "ModelReady", asked, pb.ModelReadyResponse)
        await load.answer_more(100)  # what is not ready still answers whoever asks
        await asyncio.gather(*clients)
        # Clients that come when the port is closed are told so by gRPC.
        load.check_refusals("the service stops", "Connection refused")
        assert {error.code() for error in load.ended} == {grpc.StatusCode.UNAVAILABLE}
        await asyncio.to_thread(service.stop)
        before = loyal.answered
        service.start(listen=service.address)
        await until(lambda: loyal.answered >= before + 20 or loyal.error is not None)
        loyal.is_over = True
        await asyncio.to_thread(loyal.join)
        assert loyal.error is None


async def test_a_stream_that_is_open_at_a_stop_is_told_so_when_its_requests_are_answered(make_service):
    service = make_service()
    service.start()
    with bessemer.connect(service.address) as client:
        client.train("mlp", dataset="iris", name=MODEL, epochs=1).wait(progress=False)
    async with grpc.aio.insecure_channel(service.address, ALONE) as channel:
        stream: Any = channel.stream_stream(f"{canaries.SERVICE}/ModelStreamInfer")()  # bytes go and come
        await stream.write(subjects.make_request(MODEL, INPUTS).SerializeToString())
        answer = pb.ModelStreamInferResponse.FromString(await stream.read())
        assert subjects.read(answer.infer_response).shape == (1, 3)
        os.kill(service.pid, signal.SIGTERM)
        with pytest.raises(grpc.aio.AioRpcError, match="the service stops") as told:
            await stream.read()
        assert told.value.code() is grpc.StatusCode.UNAVAILABLE
    assert await asyncio.to_thread(service.stop) == 0


@pytest.fixture
async def load(service):
    with bessemer.connect(service.address) as client:
        client.train("mlp", dataset="iris", name=MODEL, epochs=1).wait(progress=False)
    load = Load(service.address)
    clients = load.start()
    yield load
    for one in clients:
        one.cancel()
    await asyncio.gather(*clients, return_exceptions=True)


async def test_a_new_version_takes_over_under_load_and_an_unload_loses_nothing_that_was_accepted(
    service, load
):
    await load.answer_more(50)
    with bessemer.connect(service.address) as client:
        job = client.train("mlp", dataset="iris", name=MODEL, epochs=2)
        await asyncio.to_thread(job.wait, progress=False)
        assert job.model is not None
        newest = job.model.version
    await load.answer_more(100)
    assert load.answered[newest] > 0
    assert load.ended == []
    async with grpc.aio.insecure_channel(service.address) as channel:
        call = canaries.Caller(channel).call
        unload = pb.RepositoryModelUnloadRequest(model_name=MODEL).SerializeToString()
        await call(f"{canaries.SERVICE}/RepositoryModelUnload", unload)
        await until(lambda: len(load.ended) == CLIENTS)
        load.check_refusals("it was unloaded")
        index = pb.RepositoryIndexResponse.FromString(await call(f"{canaries.SERVICE}/RepositoryIndex", b""))
        assert {each.state for each in index.models if each.name == MODEL} == {"UNAVAILABLE"}
        await call(
            f"{canaries.SERVICE}/RepositoryModelLoad",
            pb.RepositoryModelLoadRequest(model_name=MODEL).SerializeToString(),
        )
    again = load.start()
    await load.answer_more(50)
    for one in again:
        one.cancel()
    await asyncio.gather(*again, return_exceptions=True)
    assert len(load.ended) == CLIENTS
