"""Batches in, answers out: each request gets its own rows, whatever its neighbours do."""

import asyncio
import dataclasses
import struct

import pytest

from bessemer_server.domain import errors
from bessemer_server.domain.tensors import Tensor
from bessemer_server.serving.dispatcher import Dispatcher
from tests.unit.serving.test_requests import MODEL

POISON = -1.0


class DoublingPredictor:
    """A predictor in this process: doubles what it gets, and fails for batches that hold the poison."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def load(self, model):
        pass

    async def predict(self, model, inputs):
        await self.gate.wait()
        tensor = inputs["x"]
        values = struct.unpack(f"<{tensor.rows}f", tensor.data)
        self.batches.append(tensor.rows)
        if POISON in values:
            raise ValueError("poison")
        return {"y": Tensor("FP32", tensor.shape, struct.pack(f"<{tensor.rows}f", *(2 * v for v in values)))}


@pytest.fixture
async def predictor():
    return DoublingPredictor()


@pytest.fixture
async def dispatcher(predictor):
    dispatcher = Dispatcher(predictor)
    dispatcher.start()
    yield dispatcher
    await dispatcher.close()


async def ask(dispatcher, *values, model=MODEL, timeout_s=None):
    tensor = Tensor("FP32", (len(values),), struct.pack(f"<{len(values)}f", *values))
    answer = (await dispatcher.predict(model, {"x": tensor}, timeout_s))["y"]
    return list(struct.unpack(f"<{answer.rows}f", answer.data))


async def test_what_gathers_while_the_predictor_is_busy_goes_as_one_batch_and_comes_back_apart(
    dispatcher, predictor
):
    predictor.gate.clear()
    asked = [asyncio.create_task(ask(dispatcher, float(i), float(i) + 0.5)) for i in range(20)]
    await asyncio.sleep(0)
    predictor.gate.set()
    assert await asyncio.gather(*asked) == [[2.0 * i, 2.0 * i + 1.0] for i in range(20)]
    assert len(predictor.batches) < 20


async def test_a_request_that_breaks_its_batch_fails_alone(dispatcher, predictor):
    predictor.gate.clear()
    asked = [asyncio.create_task(ask(dispatcher, value)) for value in (1.0, POISON, 3.0)]
    await asyncio.sleep(0)
    predictor.gate.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert answers[0] == [2.0]
    assert isinstance(answers[1], ValueError)
    assert answers[2] == [6.0]


async def test_models_do_not_share_a_batch(dispatcher, predictor):
    predictor.gate.clear()
    other = dataclasses.replace(MODEL, version=2)
    asked = [asyncio.create_task(ask(dispatcher, 1.0, model=model)) for model in (MODEL, other, MODEL, other)]
    await asyncio.sleep(0)
    predictor.gate.set()
    assert await asyncio.gather(*asked) == [[2.0]] * 4
    assert len(predictor.batches) >= 2


async def test_a_request_whose_deadline_passes_while_it_waits_is_dropped(dispatcher, predictor):
    predictor.gate.clear()
    first = asyncio.create_task(ask(dispatcher, 1.0))
    await asyncio.sleep(0)
    late = asyncio.create_task(ask(dispatcher, 2.0, timeout_s=0.0))
    await asyncio.sleep(0)
    predictor.gate.set()
    assert await first == [2.0]
    with pytest.raises(errors.DeadlineExceeded):
        await late
    assert sum(predictor.batches) == 1


async def test_a_request_that_was_given_up_is_not_computed(dispatcher, predictor):
    predictor.gate.clear()
    first = asyncio.create_task(ask(dispatcher, 1.0))
    await asyncio.sleep(0)
    given_up = asyncio.create_task(ask(dispatcher, 2.0))
    await asyncio.sleep(0)
    given_up.cancel()
    predictor.gate.set()
    assert await first == [2.0]
    assert await ask(dispatcher, 3.0) == [6.0]
    assert sum(predictor.batches) == 2
