"""The server's side of a predictor, over a process that is stood in for: who gives up, what dies, what the kernel ends."""

from __future__ import annotations

import asyncio
import datetime

import pytest

from bessemer_server.blobs.memory import MemoryBlobStore
from bessemer_server.domain import checkpoints, errors, models, tensors
from bessemer_server.executors.predictor import LEAST_BYTES, PredictorClient

ROWS = {"x": tensors.Tensor("UINT8", (8, 1), bytes(8))}


def make_model(name, version=1):
    return models.Model(
        name=name,
        version=version,
        job_id="j",
        architecture="mlp",
        dataset="d",
        weights=checkpoints.Manifest(0, 0, ()),
        definition={
            "labels": ["a"],
            "layers": [{"dense": {"units": 1}}],
            "input_shape": [1],
            "inputs": [{"name": "x", "datatype": "UINT8", "shape": [-1, 1]}],
            "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1]}],
        },
        metrics={},
        parameters=0,
        effective_spec={},
        create_time=datetime.datetime.now(datetime.UTC),
    )


A, B, C = map(make_model, "abc")


class Process:
    """Answers as a helper does, in order; dies over the methods in `deadly`, once each, and its memory is gone then."""

    def __init__(self):
        self.is_alive, self.generation = False, 0
        self.models, self.calls, self.limits, self.deadly = set(), [], [], []
        self.lost = []
        self.may_load = asyncio.Event()
        self.may_load.set()
        self.loads = asyncio.Event()

    async def start(self):
        if not self.is_alive:
            self.is_alive, self.generation = True, self.generation + 1
            self.models.clear()

    async def call(self, method, arguments, body=None, **_options):
        await self.start()
        self.calls.append((method, arguments["key"]))
        if method in self.deadly:
            self.deadly.remove(method)
            self.is_alive = False
            raise errors.Unavailable("ended", reason=errors.HELPER_ENDED)
        return await getattr(self, f"_{method}")(**arguments)

    async def _load(self, key, **_arguments):
        self.loads.set()
        try:
            await self.may_load.wait()
        finally:  # it never hears that who asked gave up
            self.models.add(key)
        return {"memory_bytes": LEAST_BYTES, "warm_s": 0.01, "engine": "torch"}, {}

    async def _unload(self, key):
        self.models.discard(key)
        return 0, {}

    async def _predict(self, key, limit):
        assert key in self.models
        self.limits.append(limit)
        await asyncio.sleep(0)
        return [0.001, self.lost], {}


class Kernel:
    kills = 0


@pytest.fixture
def kernel():
    return Kernel()


@pytest.fixture
def process():
    return Process()


@pytest.fixture
def make_client(process, kernel):
    """Makes a client with memory for so many models."""

    def make(room=10):
        return PredictorClient(
            process, MemoryBlobStore({}), room * LEAST_BYTES, count_memory_kills=lambda: kernel.kills
        )

    return make


async def test_a_model_is_loaded_once_however_many_give_up_meanwhile_and_ready_for_who_asks_later(
    make_client, process
):
    client = make_client()
    process.may_load.clear()
    for _ in range(3):
        loading = asyncio.create_task(client.load(A))
        await process.loads.wait()
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)
    late = asyncio.create_task(client.load(A))
    process.may_load.set()
    await late
    assert process.calls == [("load", "a/1")]
    assert client.loaded() == [("a", 1)]


async def test_a_model_that_nobody_waits_for_any_more_makes_room_for_others(make_client, process):
    client = make_client(room=1)
    process.may_load.clear()
    loading = asyncio.create_task(client.load(A))
    await process.loads.wait()
    loading.cancel()
    await asyncio.gather(loading, return_exceptions=True)
    process.may_load.set()
    await client.load(B)
    assert process.models == {"b/1"}


async def test_a_load_that_fails_fails_all_who_wait_for_it_and_is_tried_again_for_who_comes_later(
    make_client, process
):
    client = make_client()
    process.deadly = ["load", "load"]
    for outcome in await asyncio.gather(client.load(A), client.load(A), return_exceptions=True):
        assert isinstance(outcome, errors.Unavailable)
    await client.load(A)
    assert [method for method, _ in process.calls] == ["load"] * 3


async def test_models_of_which_only_one_has_room_are_each_used_before_the_next_displaces_them(
    make_client, process
):
    client = make_client(room=1)
    await asyncio.gather(*(client.predict(model, ROWS) for model in (A, A, B, C, B)))
    assert sorted(call for call in process.calls if call[0] == "load") == [
        ("load", f"{name}/1") for name in "abc"
    ]


async def test_a_model_that_goes_with_its_process_is_unloaded_and_none_is_started_for_its_other_versions(
    make_client, process
):
    client = make_client()
    for version in (1, 2):
        await client.load(make_model("a", version))
    process.deadly = ["unload"]
    await client.unload("a")
    assert client.loaded() == []
    assert process.generation == 1


async def test_a_load_that_finds_another_process_leaves_nothing_uncounted_there(make_client, process):
    client = make_client(room=1)
    await client.load(A)
    process.deadly = ["unload"]  # to make room
    await client.load(B)
    assert process.models == {"b/1"}
    assert process.calls.count(("load", "b/1")) == 1


async def test_a_process_that_ends_for_another_reason_long_after_the_kernel_ended_others_lowers_no_limit(
    make_client, process, kernel, monkeypatch
):
    client = make_client()
    await client.predict(A, ROWS)
    kernel.kills += 1  # a trainer
    loop = asyncio.get_running_loop()
    begun_s = loop.time()
    monkeypatch.setattr(loop, "time", lambda: begun_s + 60)
    process.deadly = ["predict"]
    assert (await client.predict(A, ROWS)).is_again
    assert process.limits == [None, None]


async def test_a_limit_goes_down_by_half_each_time_that_the_kernel_ends_the_process(
    make_client, process, kernel
):
    client = make_client()
    await client.load(A)
    call = process.call

    async def die(method, arguments, body=None, **options):
        if method == "predict" and (arguments["limit"] or 8) > 2:
            kernel.kills += 1
            process.deadly = ["predict"]
        return await call(method, arguments, body, **options)

    process.call = die
    with pytest.raises(errors.Unavailable):  # with 8 rows and with 4
        await client.predict(A, ROWS)
    await client.predict(A, ROWS)
    assert process.limits == [2]


async def test_rows_of_which_the_network_makes_no_number_are_passed_on(process, make_client):
    process.lost = [2, 5]
    assert (await make_client().predict(A, ROWS)).lost == [2, 5]
