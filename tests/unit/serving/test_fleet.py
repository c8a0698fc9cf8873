"""Each model is on one kind of device, the fastest for it, and everything that is asked of it finds it there."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import Any

import pytest

from bessemer_server.domain import errors, ports
from bessemer_server.domain.tensors import Tensor
from bessemer_server.serving import parameters
from bessemer_server.serving.dispatcher import MAX_WAITING_ROWS, Dispatcher
from bessemer_server.serving.fleet import Fleet
from tests.unit.serving.test_requests import MODEL

INPUTS = {"x": Tensor("FP32", (1,), bytes(4))}
DEEP = dataclasses.replace(MODEL, name="deep", definition={**MODEL.definition, "layers": ["deep"]})
TWIN = dataclasses.replace(DEEP, name="twin")


class Device:
    """A predictor that answers with its name, and takes as long as it says, by model."""

    def __init__(self, name: str, engine: str, times_us: dict[str, int]) -> None:
        self.name, self.engine, self.times_us = name, engine, times_us
        self.models: dict[tuple[str, int], int] = {}
        self.loads: list[str] = []
        self.problem: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.loading = asyncio.Event()
        self.loading.set()
        self.tries = 0
        self.tried = asyncio.Event()

    async def load(self, model):
        self.tries += 1
        self.tried.set()
        if model.name != MODEL.name:
            await self.loading.wait()
        if self.problem:
            raise self.problem
        if (model.name, model.version) not in self.models:
            self.loads.append(model.name)
            self.models[model.name, model.version] = 10

    async def unload(self, name, version=None):
        self.models = {k: v for k, v in self.models.items() if k[0] != name or version not in (None, k[1])}

    def is_loaded(self, model):
        return model.key in self.models

    def loaded(self):
        return list(self.models)

    def memory(self):
        return [(*key, size) for key, size in self.models.items()]

    def describe(self, model):
        time_us = self.times_us.get(model.name, 1)
        return {"engine": self.engine, "engine_us": json.dumps({self.engine: {"1": time_us}})}

    async def predict(self, model, inputs):
        await self.gate.wait()
        return ports.Predicted({"on": self.name}, 0.0)  # type: ignore[dict-item]


@pytest.fixture
async def cpu():
    return Device("cpu", "onnxruntime", {MODEL.name: 10, "deep": 900, "twin": 900})


@pytest.fixture
async def gpu():
    return Device("cuda:0", "cudagraph", {MODEL.name: 60, "deep": 70, "twin": 70})


@pytest.fixture
async def gather():
    """Makes fleets of devices by kind."""
    started = []

    def make(engine="auto", **devices):
        fleet = Fleet(engine)
        for kind, device in devices.items():
            started.append(Dispatcher(device, counted=fleet.statistics))
            started[-1].start()
            fleet.add(kind, started[-1])
        fleet.complete()
        return fleet

    yield make
    for dispatcher in started:
        await dispatcher.close()


async def ask(fleet, model):
    return (await fleet.predict(model, INPUTS, None))["on"]


async def test_each_model_is_answered_by_the_device_that_is_fastest_for_it(gather, cpu, gpu):
    fleet = gather(cpu=cpu, cuda=gpu)
    assert [await ask(fleet, model) for model in (MODEL, DEEP, MODEL, DEEP)] == ["cpu", "cuda:0"] * 2
    assert (cpu.loads, gpu.loads) == ([MODEL.name, "deep"], [MODEL.name, "deep"])
    assert cpu.models.keys() == {(MODEL.name, MODEL.version)}
    assert gpu.models.keys() == {("deep", DEEP.version)}
    assert sorted(fleet.loaded()) == sorted([*cpu.models, *gpu.models])
    assert fleet.describe(DEEP)["device"] == "cuda"
    assert json.loads(fleet.describe(DEEP)["device_us"]) == {"cpu": {"1": 900}, "cuda": {"1": 70}}


async def test_a_model_of_known_layers_is_loaded_on_one_device_alone(gather, cpu, gpu):
    fleet = gather(cpu=cpu, cuda=gpu)
    await fleet.ready(DEEP)
    assert await ask(fleet, TWIN) == "cuda:0"
    assert cpu.loads == ["deep"]


async def test_those_who_ask_together_choose_once(gather, cpu, gpu):
    fleet = gather(cpu=cpu, cuda=gpu)
    assert set(await asyncio.gather(*(ask(fleet, DEEP) for _ in range(8)))) == {"cuda:0"}
    assert cpu.loads == gpu.loads == ["deep"]


async def test_on_one_device_nothing_is_chosen_and_nothing_said_of_a_choice(gather, cpu):
    fleet = gather(cpu=cpu)
    assert fleet.describe(DEEP) == {}
    assert await ask(fleet, DEEP) == "cpu"
    assert fleet.describe(DEEP)["device"] == "cpu"
    assert "device_us" not in fleet.describe(DEEP)


async def test_nothing_is_placed_before_all_devices_are_known(cpu, gpu):
    fleet = Fleet("auto")
    dispatchers = {"cpu": Dispatcher(cpu), "cuda": Dispatcher(gpu)}
    fleet.add("cpu", dispatchers["cpu"])
    for dispatcher in dispatchers.values():
        dispatcher.start()
    asked = asyncio.create_task(ask(fleet, DEEP))
    await asyncio.sleep(0.01)
    assert not cpu.loads
    fleet.add("cuda", dispatchers["cuda"])
    fleet.complete()
    assert await asked == "cuda:0"
    for dispatcher in dispatchers.values():
        await dispatcher.close()


async def test_the_engine_of_the_setting_goes_before_speed(gather, cpu, gpu):
    assert await ask(gather("onnxruntime", cpu=cpu, cuda=gpu), DEEP) == "cpu"
    assert await ask(gather("cudagraph", cpu=cpu, cuda=gpu), MODEL) == "cuda:0"


async def test_a_device_that_cannot_load_a_model_is_left_out_and_tried_again_with_the_next(gather, cpu, gpu):
    fleet = gather(cpu=cpu, cuda=gpu)
    gpu.problem = errors.ResourceExhausted("too large")
    assert await ask(fleet, DEEP) == "cpu"
    gpu.problem = None
    assert await ask(fleet, TWIN) == "cuda:0"


async def test_what_no_device_can_load_is_an_error(gather, cpu, gpu):
    fleet = gather(cpu=cpu, cuda=gpu)
    cpu.problem = gpu.problem = errors.ResourceExhausted("too large")
    with pytest.raises(errors.ResourceExhausted, match="too large"):
        await ask(fleet, DEEP)


async def test_an_unloaded_model_goes_back_to_its_device(gather, cpu, gpu):
    fleet = gather(cpu=cpu, cuda=gpu)
    await fleet.ready(DEEP)
    await fleet.unload("deep")
    assert (fleet.loaded(), fleet.memory(), fleet.describe(DEEP)) == ([], [], {})
    assert await ask(fleet, DEEP) == "cuda:0"
    assert (cpu.loads, gpu.loads) == (["deep"], ["deep", "deep"])


async def test_a_caller_who_leaves_while_it_is_chosen_leaves_the_choice_to_the_next(gather, cpu, gpu):
    fleet = gather(cpu=cpu, cuda=gpu)
    entered, going = asyncio.Event(), asyncio.Event()

    async def load(model):
        entered.set()
        await going.wait()
        gpu.models[model.name, model.version] = 10

    gpu.load = load
    leaving = asyncio.create_task(ask(fleet, DEEP))
    staying = asyncio.create_task(ask(fleet, DEEP))
    await entered.wait()
    leaving.cancel()
    going.set()
    assert await staying == "cuda:0"
    assert not cpu.models


async def test_a_choice_goes_on_when_everybody_has_left(gather, cpu, gpu):
    fleet = gather(cpu=cpu, cuda=gpu)
    cpu.loading.clear()
    asked = asyncio.create_task(ask(fleet, DEEP))
    await cpu.tried.wait()
    asked.cancel()
    cpu.loading.set()
    assert await ask(fleet, DEEP) == "cuda:0"
    assert (cpu.tries, cpu.loads) == (1, ["deep"])
    assert fleet.waiting == (0, 0)


async def test_all_who_wait_for_a_model_that_cannot_be_loaded_share_one_try(gather, cpu, gpu):
    fleet = gather(cpu=cpu, cuda=gpu)
    cpu.problem = gpu.problem = errors.DataLoss("stored bytes are not what was written")
    cpu.loading.clear()
    asked = [asyncio.create_task(ask(fleet, DEEP)) for _ in range(50)]
    await cpu.tried.wait()
    cpu.loading.set()
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(each) for each in told} == {errors.DataLoss}
    assert (cpu.tries, gpu.tries) == (1, 1)
    with pytest.raises(errors.DataLoss):  # who comes later has a try of his own
        await ask(fleet, DEEP)
    assert (cpu.tries, gpu.tries) == (2, 2)


async def test_a_model_that_is_long_in_loading_holds_up_no_other(gather, cpu, gpu):
    fleet = gather(cpu=cpu, cuda=gpu)
    cpu.loading.clear()
    deep, twin = (asyncio.create_task(ask(fleet, model)) for model in (DEEP, TWIN))
    assert await ask(fleet, MODEL) == "cpu"
    assert not deep.done()
    cpu.loading.set()
    assert list(await asyncio.gather(deep, twin)) == ["cuda:0", "cuda:0"]
    assert "twin" not in cpu.loads  # it waited, and followed


async def test_what_waits_for_a_model_to_be_loaded_is_counted_and_bounded(gather, cpu, gpu):
    fleet = gather(cpu=cpu, cuda=gpu)
    cpu.loading.clear()
    inputs = {"x": Tensor("FP32", (MAX_WAITING_ROWS - 1,), bytes(4 * (MAX_WAITING_ROWS - 1)))}
    asked = [asyncio.create_task(fleet.predict(DEEP, each, None)) for each in (inputs, INPUTS)]
    await cpu.tried.wait()
    assert fleet.waiting == (2, MAX_WAITING_ROWS)
    with pytest.raises(errors.ResourceExhausted, match="16384 rows of the model wait") as refusal:
        await ask(fleet, DEEP)
    assert refusal.value.reason == "QUEUE_FULL"
    assert await ask(fleet, MODEL) == "cpu"  # for another there is room
    cpu.loading.set()
    assert [answer["on"] for answer in await asyncio.gather(*asked)] == ["cuda:0"] * 2
    assert fleet.waiting == (0, 0)


@pytest.mark.parametrize(
    ("timeout_s", "asked"), [(0.01, parameters.NONE), (None, parameters.Parameters(0, 0.01))]
)
async def test_who_waits_for_a_model_longer_than_he_can_is_told_so(gather, cpu, gpu, timeout_s, asked):
    fleet = gather(cpu=cpu, cuda=gpu)
    cpu.loading.clear()
    with pytest.raises(errors.DeadlineExceeded, match="for its model to be loaded"):
        await fleet.predict(DEEP, INPUTS, timeout_s, asked)
    assert fleet.waiting == (0, 0)
    cpu.loading.set()
    assert await ask(fleet, DEEP) == "cuda:0"


async def test_a_model_that_is_unloaded_while_it_is_loaded_for_nobody_is_not_there_afterwards(
    gather, cpu, gpu
):
    fleet = gather(cpu=cpu, cuda=gpu)
    cpu.loading.clear()
    asked = asyncio.create_task(ask(fleet, DEEP))
    await cpu.tried.wait()
    asked.cancel()
    unloading = asyncio.create_task(fleet.unload("deep"))
    await asyncio.sleep(0)
    assert not unloading.done()
    cpu.loading.set()
    await unloading
    assert (fleet.loaded(), fleet.describe(DEEP)) == ([], {})


async def test_who_waits_for_a_model_when_the_service_ends_is_told_so(gather, cpu, gpu):
    fleet = gather(cpu=cpu, cuda=gpu)
    cpu.loading.clear()
    before = asyncio.all_tasks()
    asked = asyncio.create_task(ask(fleet, DEEP))
    await cpu.tried.wait()
    for task in asyncio.all_tasks() - before - {asked}:
        task.cancel()
    with pytest.raises(errors.Unavailable, match="the service stops"):
        await asked


async def test_two_devices_of_a_kind_share_a_queue_and_work_at_the_same_time():
    devices = [Device(f"cuda:{number}", "cudagraph", {}) for number in range(2)]
    dispatcher = Dispatcher(*devices)
    dispatcher.start()
    try:
        await dispatcher.ready(MODEL)
        assert [device.loads for device in devices] == [[MODEL.name]] * 2
        assert dispatcher.memory() == [(MODEL.name, MODEL.version, 10)] * 2
        assert dispatcher.loaded() == [(MODEL.name, MODEL.version)]
        devices[0].gate.clear()
        devices[1].gate.clear()
        # Not batched: each takes one.
        asked = [
            asyncio.create_task(dispatcher.predict(DRAWING, INPUTS, None, parameters.NONE)) for _ in range(5)
        ]
        await asyncio.sleep(0.01)
        assert dispatcher.waiting == (3, 3)
        devices[1].gate.set()
        await asyncio.sleep(0.01)
        assert [task.done() for task in asked].count(True) == 4  # while the first is still at its own
        devices[0].gate.set()
        answers: Any = [answer["on"] for answer in await asyncio.gather(*asked)]
        assert sorted(answers) == ["cuda:0", *["cuda:1"] * 4]
        for model in (MODEL, DRAWING):
            await dispatcher.unload(model.name)
        assert not devices[0].models
        assert not devices[1].models
    finally:
        await dispatcher.close()


DRAWING = dataclasses.replace(
    MODEL,
    name="drawing",
    definition={**MODEL.definition, "inputs": [{"name": "x", "datatype": "FP32", "shape": [1]}]},
)
