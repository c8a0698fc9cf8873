"""A predictor that is fed ahead has its next batch at hand when it has done one, and both are alike."""

from __future__ import annotations

import asyncio

import pytest

from bessemer_server.serving import costs
from bessemer_server.serving.dispatcher import Dispatcher
from tests.unit.serving.doubling import DoublingPredictor, ask
from tests.unit.serving.test_requests import MODEL

KEY = (MODEL.name, MODEL.version)


class SerialPredictor(DoublingPredictor):
    """Computes one batch after the other, each when it is told; `given` are the rows of all that it was handed."""

    def __init__(self):
        super().__init__()
        self.given = []
        self._turn = asyncio.Lock()
        self._steps = asyncio.Semaphore(0)

    async def predict(self, model, inputs):
        self.given.append(inputs["x"].rows)
        async with self._turn:
            await self._steps.acquire()
            return await super().predict(model, inputs)

    def step(self):
        self._steps.release()

    @property
    def under_way(self):
        return self.given[len(self.batches) :]


@pytest.fixture
async def predictor():
    return SerialPredictor()


@pytest.fixture
async def dispatcher(predictor, monkeypatch):
    monkeypatch.setattr(costs.Costs, "limit", lambda self, most: most)  # larger batches pay
    dispatcher = Dispatcher(predictor, fed_ahead=True)
    dispatcher.start()
    yield dispatcher
    await dispatcher.close()


async def settle(times=20):
    for _ in range(times):
        await asyncio.sleep(0)


async def ask_many(dispatcher, count):
    asked = [asyncio.create_task(ask(dispatcher, float(n))) for n in range(count)]
    await settle()
    return asked


async def test_a_second_batch_is_given_when_as_many_wait_as_are_computed(dispatcher, predictor):
    asked = await ask_many(dispatcher, 1)
    asked += await ask_many(dispatcher, 1)
    assert predictor.under_way == [1, 1]
    asked += await ask_many(dispatcher, 4)
    assert predictor.under_way == [1, 1]  # never more than two
    predictor.step()
    await settle()
    assert predictor.under_way == [1, 3]  # half of the five that are there
    for _ in range(9):
        predictor.step()
    assert [answer for (answer,) in await asyncio.gather(*asked)] == [0.0, 0.0, 0.0, 2.0, 4.0, 6.0]


async def test_fewer_than_are_computed_are_not_given_ahead(dispatcher, predictor):
    first, second = await ask_many(dispatcher, 1), await ask_many(dispatcher, 7)
    predictor.step()
    await asyncio.gather(*first)
    await settle()
    assert predictor.under_way == [4]
    third = await ask_many(dispatcher, 1)
    assert predictor.under_way == [4, 4]  # and with one more there are as many
    for _ in range(2):
        predictor.step()
    await asyncio.gather(*second, *third)


async def test_fewer_than_were_computed_go_when_that_has_ended(dispatcher, predictor):
    asked = [*await ask_many(dispatcher, 1), *await ask_many(dispatcher, 7)]
    predictor.step()
    await settle()
    assert predictor.under_way == [4]
    predictor.step()
    await settle()
    assert predictor.under_way == [3]
    predictor.step()
    await asyncio.gather(*asked)


async def test_clients_who_ask_again_and_again_come_to_two_batches_that_are_alike(dispatcher, predictor):
    clients = 32
    is_over = False

    async def go_on(number):
        while not is_over:
            for _ in range(number):  # never all at once
                await asyncio.sleep(0)
            assert await ask(dispatcher, float(number)) == [2.0 * number]

    going = [asyncio.create_task(go_on(number)) for number in range(clients)]
    for _ in range(20):
        await settle(2 * clients)
        predictor.step()
    await settle(2 * clients)
    assert predictor.under_way == [clients // 2, clients // 2]
    is_over = True
    for _ in range(9):
        predictor.step()
    await asyncio.gather(*going)


async def test_who_waits_behind_another_batch_is_in_the_queue_and_not_computed(dispatcher, predictor):
    first, second = await ask_many(dispatcher, 1), await ask_many(dispatcher, 1)
    await asyncio.sleep(0.2)
    predictor.step()
    await asyncio.gather(*first)
    await settle()
    predictor.step()
    await asyncio.gather(*second)
    found = dispatcher.statistics.of(KEY)
    assert found.queue.total > 0.15e9
    assert 0.15e9 < found.infer.total < found.queue.total + 0.2e9
    assert dispatcher._batcher._spent_s.get(KEY, 0.0) < 0.35


async def test_one_that_is_not_fed_ahead_has_one_batch(predictor):
    dispatcher = Dispatcher(predictor)
    dispatcher.start()
    asked = [*await ask_many(dispatcher, 1), *await ask_many(dispatcher, 8)]
    assert predictor.under_way == [1]
    for _ in range(9):
        predictor.step()
    await asyncio.gather(*asked)
    await dispatcher.close()
