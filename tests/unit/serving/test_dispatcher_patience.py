"""Who waits no longer, and who is not let wait: by deadlines, and by what batches have taken so far."""

import asyncio
import dataclasses
import struct
import time
from typing import Any

import pytest

from bessemer_server.domain import errors
from bessemer_server.domain.tensors import Tensor
from bessemer_server.serving.dispatcher import Dispatcher
from tests.unit.serving.doubling import DoublingPredictor, ask, settle
from tests.unit.serving.test_requests import MODEL


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


async def test_a_request_that_would_be_answered_too_late_is_refused_at_once(dispatcher, predictor):
    await ask(dispatcher, 1.0)
    await settle()
    predictor.gate.clear()
    asked = [asyncio.create_task(ask(dispatcher, *[1.0] * 4000)) for _ in range(4)]
    await asyncio.sleep(0)
    dispatcher.check_queue(MODEL, None)
    with pytest.raises(errors.ResourceExhausted, match="more than half of the time") as refused:
        dispatcher.check_queue(MODEL, 1e-9)
    assert refused.value.reason == "QUEUE_FULL"
    predictor.gate.set()
    await asyncio.gather(*asked)
    dispatcher.check_queue(MODEL, 1e-9)


@pytest.fixture
def clock(monkeypatch):
    """Nanoseconds, in a list; each batch takes 1 ms per row by it, when `compute` says so."""
    clock = [0]
    monkeypatch.setattr(time, "perf_counter_ns", lambda: clock[0])
    return clock


async def compute(dispatcher, predictor, clock, rows, model=MODEL):
    """A batch of so many rows, at 1 ms each."""
    predictor.gate.clear()
    asked = asyncio.create_task(ask(dispatcher, *[1.0] * rows, model=model))
    await settle()
    clock[0] += rows * 10**6
    predictor.gate.set()
    await asked


def is_refused(dispatcher, timeout_s, model=MODEL):
    try:
        dispatcher.check_queue(model, timeout_s)
    except errors.ResourceExhausted:
        return True
    return False


async def test_what_is_being_computed_has_to_be_waited_for_but_not_what_is_done_of_it(
    dispatcher, predictor, clock
):
    await compute(dispatcher, predictor, clock, 100)
    predictor.gate.clear()
    computed = asyncio.create_task(ask(dispatcher, *[1.0] * 1000))
    await settle()
    other = dataclasses.replace(MODEL, name="other")
    assert dispatcher.waiting == (0, 0)
    assert [is_refused(dispatcher, s) for s in (1.2, 1.3)] == [True, False]
    assert [is_refused(dispatcher, s, other) for s in (1.2, 1.3)] == [True, False]
    clock[0] += 900 * 10**6
    assert [is_refused(dispatcher, s) for s in (0.12, 0.13)] == [True, False]
    clock[0] += 10**10  # longer than anybody thought
    assert not is_refused(dispatcher, 0.001)
    predictor.gate.set()
    await computed
    assert not is_refused(dispatcher, 0.001)


async def test_nobody_waits_for_a_predictor_while_another_one_is_idle(clock):
    predictors: list[Any] = [DoublingPredictor(), DoublingPredictor()]
    dispatcher = Dispatcher(*predictors)
    dispatcher.start()
    await compute(dispatcher, predictors[0], clock, 100)
    for predictor in predictors:
        predictor.gate.clear()
    asked = [asyncio.create_task(ask(dispatcher, *[1.0] * 1000))]
    await settle()
    assert not is_refused(dispatcher, 0.001)
    asked.append(asyncio.create_task(ask(dispatcher, *[1.0] * 1000)))
    await settle()
    assert is_refused(dispatcher, 0.001)
    for predictor in predictors:
        predictor.gate.set()
    await asyncio.gather(*asked)
    await dispatcher.close()


async def test_others_go_before_in_fair_turns_and_no_further(dispatcher, predictor, clock):
    other = dataclasses.replace(MODEL, name="other")
    for model in (MODEL, other):
        await compute(dispatcher, predictor, clock, 100, model)
    predictor.gate.clear()
    asked = [asyncio.create_task(ask(dispatcher, 1.0))]
    await settle()
    clock[0] += 10**9  # done, as far as anybody can know
    for model, rows in ((MODEL, 100), (other, 4000), (other, 4000)):
        asked.append(asyncio.create_task(ask(dispatcher, *[1.0] * rows, model=model)))
    await settle()
    assert [is_refused(dispatcher, s) for s in (0.39, 0.41)] == [True, False]
    predictor.gate.set()
    await asyncio.gather(*asked)


async def test_the_time_that_a_model_takes_to_load_refuses_nobody_later(dispatcher, predictor, monkeypatch):
    clock_ns = 0
    monkeypatch.setattr(time, "perf_counter_ns", lambda: clock_ns)
    predictor.models.clear()
    predictor.load_gate.clear()
    first = asyncio.create_task(ask(dispatcher, 1.0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    clock_ns += 10**12
    predictor.load_gate.set()
    await first
    predictor.gate.clear()
    waiting = [asyncio.create_task(ask(dispatcher, *[1.0] * 4000)) for _ in range(2)]
    await asyncio.sleep(0)
    dispatcher.check_queue(MODEL, 1.0)
    predictor.gate.set()
    await asyncio.gather(*waiting)


async def test_who_has_waited_long_enough_is_told_so_while_others_are_computed(dispatcher, predictor):
    predictor.gate.clear()
    first = asyncio.create_task(ask(dispatcher, 1.0))
    await settle()
    waiting = [asyncio.create_task(ask(dispatcher, 2.0, timeout_s=limit)) for limit in (0.02, 0.01, 600)]
    for late in waiting[:2]:
        with pytest.raises(errors.DeadlineExceeded):
            await late
    assert not first.done()
    predictor.gate.set()
    assert (await first, await waiting[2]) == ([2.0], [4.0])


async def test_patience_counts_from_the_beginning(dispatcher, predictor):
    tensor = Tensor("FP32", (1,), struct.pack("<f", 1.0))
    with pytest.raises(errors.DeadlineExceeded):
        await dispatcher.predict(MODEL, {"x": tensor}, 1.0, begun_ns=time.perf_counter_ns() - 2 * 10**9)


@pytest.mark.parametrize(("is_again", "expected_s"), [(False, 1.0), (True, 0.25)])
async def test_nothing_is_learnt_of_how_long_a_process_takes_to_come_back(
    dispatcher, predictor, monkeypatch, is_again, expected_s
):
    clock_ns = 0
    monkeypatch.setattr(time, "perf_counter_ns", lambda: clock_ns)
    predictor.gate.clear()
    predictor.seconds, predictor.is_again = 0.25, is_again
    asked = asyncio.create_task(ask(dispatcher, 1.0))
    await settle()
    clock_ns += 10**9
    predictor.gate.set()
    await asked
    await settle()
    assert dispatcher._pace.expect_s(MODEL.key, 1) == pytest.approx(expected_s)


async def test_a_batch_whose_answer_was_read_with_another_one_took_what_the_process_says(
    dispatcher, predictor, monkeypatch
):
    monkeypatch.setattr(time, "perf_counter_ns", lambda: 0)
    predictor.seconds = 0.25
    await ask(dispatcher, 1.0)
    await settle()
    assert dispatcher._pace.expect_s(MODEL.key, 1) == pytest.approx(0.25)
    assert dispatcher.statistics.of(MODEL.key).infer.total == 250_000_000
