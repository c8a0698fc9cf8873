"""Batches in, answers out: each request gets its own rows, whatever its neighbours do."""

import asyncio
import dataclasses
import gc
import struct
import time
import weakref
from typing import Any

import numpy as np
import pytest

from bessemer_server.domain import errors
from bessemer_server.domain.tensors import Tensor
from bessemer_server.serving import parameters
from bessemer_server.serving.dispatcher import Dispatcher, _Waiting
from tests.unit.serving.doubling import DEADLY, LOST, POISON, DoublingPredictor, ask, settle
from tests.unit.serving.test_requests import MODEL


async def test_what_gathers_while_the_predictor_is_busy_goes_as_one_batch_and_comes_back_apart(
    dispatcher, predictor
):
    predictor.gate.clear()
    asked = [asyncio.create_task(ask(dispatcher, float(i), float(i) + 0.5)) for i in range(20)]
    await asyncio.sleep(0)
    predictor.gate.set()
    assert await asyncio.gather(*asked) == [[2.0 * i, 2.0 * i + 1.0] for i in range(20)]
    assert len(predictor.batches) < 20


@pytest.mark.parametrize(("value", "error"), [(POISON, ValueError), (DEADLY, errors.Unavailable)])
async def test_a_request_that_breaks_its_batch_or_kills_the_predictor_fails_alone(
    dispatcher, predictor, value, error
):
    predictor.gate.clear()
    first = asyncio.create_task(ask(dispatcher, 0.0))
    await asyncio.sleep(0)
    asked = [asyncio.create_task(ask(dispatcher, float(n) if n != 5 else value)) for n in range(16)]
    await asyncio.sleep(0)
    predictor.gate.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(answers.pop(5), error)
    assert answers == [[2.0 * n] for n in range(16) if n != 5]
    await first
    assert len(predictor.batches) < 17  # halves of halves, and not each one alone


async def test_a_request_of_which_the_network_makes_no_number_fails_alone_and_nothing_is_computed_again(
    dispatcher, predictor
):
    for rows in (1, 2, 4, 8, 16):  # which pay
        dispatcher._batcher.learn(MODEL.key, rows, 0.01)
    predictor.gate.clear()
    first = asyncio.create_task(ask(dispatcher, 0.0))
    await asyncio.sleep(0)
    values = [(1.0,), (2.0, LOST, LOST), (3.0, 4.0), (LOST,), (5.0,)]
    asked = [asyncio.create_task(ask(dispatcher, *each)) for each in values]
    await asyncio.sleep(0)
    predictor.gate.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert answers[0::2] == [[2.0], [6.0, 8.0], [10.0]]
    assert [type(answer) for answer in answers[1::2]] == [errors.InvalidArgument] * 2
    assert ["row 1 of input x" in str(answers[1]), "row 0 of input x" in str(answers[3])] == [True, True]
    await first
    await settle()
    assert predictor.batches in ([1, 8], [9])
    found = dispatcher.statistics.of((MODEL.name, MODEL.version))
    assert found.request.count == 4  # successes


async def test_nothing_of_a_batch_that_failed_stays(dispatcher):
    """What Python's collector has to find may be hundreds of megabytes."""
    gc.collect()
    before = count_waiting()
    gc.disable()
    try:
        for _ in range(3):
            with pytest.raises(ValueError, match="poison"):
                await ask(dispatcher, POISON)
        assert count_waiting() <= before + 1  # the loop knows its last one
    finally:
        gc.enable()


def count_waiting() -> int:
    return sum(type(one) is _Waiting for one in gc.get_objects())


async def test_a_model_that_cannot_be_loaded_is_not_tried_for_each_request(dispatcher, predictor):
    predictor.models.clear()
    predictor.load_gate.clear()
    first = asyncio.create_task(ask(dispatcher, 0.0))
    await asyncio.sleep(0)
    asked = [asyncio.create_task(ask(dispatcher, float(n))) for n in range(16)]
    await asyncio.sleep(0)
    predictor.unloadable = errors.ResourceExhausted("too large")
    predictor.load_gate.set()
    answers = await asyncio.gather(first, *asked, return_exceptions=True)
    assert {type(answer) for answer in answers} == {errors.ResourceExhausted}
    assert predictor.loads == 1


async def test_models_do_not_share_a_batch(dispatcher, predictor):
    predictor.gate.clear()
    other = dataclasses.replace(MODEL, version=2)
    asked = [asyncio.create_task(ask(dispatcher, 1.0, model=model)) for model in (MODEL, other, MODEL, other)]
    await asyncio.sleep(0)
    predictor.gate.set()
    assert await asyncio.gather(*asked) == [[2.0]] * 4
    assert len(predictor.batches) >= 2


async def test_what_it_took_is_counted_per_request_and_per_batch(dispatcher, predictor):
    predictor.gate.clear()
    asked = [asyncio.create_task(ask(dispatcher, *values)) for values in ([1.0], [2.0, 3.0], [4.0])]
    await asyncio.sleep(0)
    predictor.gate.set()
    await asyncio.gather(*asked)
    with pytest.raises(ValueError, match="poison"):
        await ask(dispatcher, POISON)
    await settle()
    found = dispatcher.statistics.of((MODEL.name, MODEL.version))
    assert (found.rows.total, found.rows.count) == (sum(predictor.batches) - 1, len(predictor.batches) - 1)
    parts = (found.queue, found.input, found.infer, found.output)
    assert [each.count for each in (found.request, *parts)] == [3] * 5
    assert sum(steps.infer.count for steps in found.by_rows.values()) == found.rows.count
    assert sum(rows * steps.infer.count for rows, steps in found.by_rows.items()) == found.rows.total
    assert found.request.total == sum(part.total for part in parts)
    assert found.last_inference_ms > 0


async def test_who_gave_up_while_it_was_computed_is_no_success(dispatcher, predictor):
    predictor.gate.clear()
    given_up, awaited = (asyncio.create_task(ask(dispatcher, value)) for value in (1.0, 2.0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.sleep(0)
    predictor.gate.set()
    await awaited
    await settle()
    found = dispatcher.statistics.of((MODEL.name, MODEL.version))
    assert found.rows.total == 2
    assert (found.request.count, found.queue.count, found.infer.count) == (1, 1, 1)


async def test_what_it_took_to_prepare_is_counted_before_the_queue(dispatcher):
    tensor = Tensor("FP32", (1,), struct.pack("<f", 1.0))
    begun_ns = time.perf_counter_ns() - 10**9
    await dispatcher.predict(MODEL, {"x": tensor}, None, begun_ns=begun_ns)
    await settle()
    found = dispatcher.statistics.of((MODEL.name, MODEL.version))
    assert found.input.total > 10**9 > found.queue.total
    parts = (found.queue, found.input, found.infer, found.output)
    assert found.request.total == sum(part.total for part in parts)
    assert found.request.sum > found.input.sum > 1.0
    assert dict(found.input.cumulative())["1.0"] == 0
    assert dict(found.input.cumulative())["16.0"] == 1


async def test_a_request_with_priority_overtakes(dispatcher, predictor):
    predictor.gate.clear()
    done = []

    async def note(name, model, asked=parameters.NONE):
        await dispatcher.predict(model, {"x": Tensor("FP32", (1,), struct.pack("<f", 1.0))}, None, asked)
        done.append(name)

    other = dataclasses.replace(MODEL, version=2)
    predictor.models.add(other.key)
    tasks = [asyncio.create_task(note("first", MODEL))]
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(note("plain", MODEL)))
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(note("urgent", other, parameters.Parameters(priority=1))))
    await asyncio.sleep(0)
    predictor.gate.set()
    await asyncio.gather(*tasks)
    assert done == ["first", "urgent", "plain"]


async def test_who_finds_the_predictor_idle_does_not_wait_for_others(dispatcher, predictor):
    for n in range(5):
        asked = asyncio.create_task(ask(dispatcher, float(n)))
        for _ in range(20):
            await asyncio.sleep(0)
        assert asked.done()
    assert predictor.batches == [1] * 5


async def test_the_inputs_of_a_batch_are_let_go_while_the_next_one_is_computed():
    """They may lie in memory that others wait for."""

    class InTurn(DoublingPredictor):
        def __init__(self) -> None:
            super().__init__()
            self.gates = [asyncio.Event(), asyncio.Event()]
            self.shut = iter(self.gates)

        async def predict(self, model, inputs):
            await next(self.shut).wait()
            return await super().predict(model, inputs)

    predictor: Any = InTurn()
    dispatcher = Dispatcher(predictor, fed_ahead=True)
    dispatcher.start()
    given = np.zeros(4, np.float32)
    gone = weakref.finalize(given, lambda: None)
    first = asyncio.create_task(
        dispatcher.predict(MODEL, {"x": Tensor("FP32", (4,), given.data.cast("B"))}, None)
    )
    del given
    await asyncio.sleep(0)
    second = asyncio.create_task(ask(dispatcher, 1.0, 2.0, 3.0, 4.0))
    for _ in range(5):
        await asyncio.sleep(0)
    predictor.gates[0].set()
    await first
    await asyncio.sleep(0)
    assert not gone.alive
    assert not second.done()
    predictor.gates[1].set()
    assert await second == [2.0, 4.0, 6.0, 8.0]
    await dispatcher.close()


async def test_who_waits_for_a_model_to_be_loaded_holds_up_no_other_model_and_pays_for_no_time(
    dispatcher, predictor
):
    other = dataclasses.replace(MODEL, version=2)
    predictor.load_gate.clear()
    loading = [asyncio.create_task(ask(dispatcher, float(n), model=other)) for n in range(2)]
    await settle()
    assert await ask(dispatcher, 1.0) == [2.0]
    assert predictor.loads == 1
    await asyncio.sleep(0.1)
    predictor.load_gate.set()
    assert await asyncio.gather(*loading) == [[0.0], [2.0]]
    await settle()
    assert dispatcher._batcher._spent_s.get(other.key, 0.0) < 0.05


async def test_a_model_that_was_loaded_is_computed_before_another_one_is_loaded(predictor):
    """Where there is room for one they would only make room for each other."""

    class Narrow(DoublingPredictor):
        async def load(self, model):
            await super().load(model)
            self.models = {model.key}

    predictor = Narrow()
    dispatcher = Dispatcher(predictor)
    dispatcher.start()
    models = [dataclasses.replace(MODEL, version=n) for n in range(1, 5)]
    asked = [ask(dispatcher, 1.0, 2.0, model=model) for model in models * 3]
    assert await asyncio.gather(*asked) == [[2.0, 4.0]] * 12
    assert predictor.loads <= 12
    await dispatcher.close()


async def test_who_has_no_answer_when_the_service_stops_is_told_so(predictor):
    dispatcher = Dispatcher(predictor)
    dispatcher.start()
    predictor.gate.clear()
    other = dataclasses.replace(MODEL, version=2)
    predictor.models.add(MODEL.key)
    predictor.load_gate.clear()
    asked = [
        asyncio.create_task(ask(dispatcher, float(n), model=model))
        for n in range(3)
        for model in (MODEL, other)
    ]
    await settle()
    await dispatcher.close()
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert {getattr(answer, "reason", answer) for answer in answers} == {"STOPPING"}


async def test_who_waits_has_the_answer_before_it_is_counted(dispatcher, monkeypatch):
    order = []
    record = dispatcher.statistics.record_batch

    def note(*arguments):
        order.append("counted")
        record(*arguments)

    monkeypatch.setattr(dispatcher.statistics, "record_batch", note)
    assert await ask(dispatcher, 1.0) == [2.0]
    order.append("answered")
    await settle()
    assert order == ["answered", "counted"]
