"""Requests of streams wait for room: in turn, within bounds, and without a trace when they give up."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref

import pytest

from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.domain import errors
from bessemer_server.rpc.inference import frugal, rooms, streams


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


async def begin(*takings):
    tasks = []
    for taking in takings:
        tasks.append(asyncio.ensure_future(taking))
        await settle()
    return tasks


async def test_who_finds_no_room_waits_for_it_in_turn():
    budget = rooms.Budget(10)
    first, large, small = await begin(budget.take(6), budget.take(5), budget.take(1))
    assert [task.done() for task in (first, large, small)] == [True, False, False]
    budget.give_back(6)
    await asyncio.gather(large, small)
    assert budget.used == 6


async def test_what_is_larger_than_all_is_alone():
    budget = rooms.Budget(10)
    large, other = await begin(budget.take(100), budget.take(1))
    assert (large.done(), other.done()) == (True, False)
    budget.give_back(100)
    await other
    assert budget.used == 1


async def test_who_gives_up_waiting_holds_up_nobody():
    budget = rooms.Budget(10)
    _, given_up, other = await begin(budget.take(6), budget.take(6), budget.take(3))
    given_up.cancel()
    await other
    assert budget.used == 9


async def test_who_gives_up_when_it_has_come_gives_it_back():
    budget = rooms.Budget(10)
    _, given_up = await begin(budget.take(6), budget.take(8))
    budget.give_back(6)
    assert budget.used == 8
    given_up.cancel()
    await settle()
    assert budget.used == 0


async def test_what_waits_is_bounded():
    budget = rooms.Budget(10)
    waiting = await begin(budget.take(10), budget.take(6))
    with pytest.raises(
        errors.ResourceExhausted, match=r"have 6 bytes, and with 5 more it would be beyond 10"
    ) as it:
        await budget.take(5)
    assert it.value.reason == "REQUESTS_TOO_LARGE"
    budget.give_back(10)
    await waiting[1]
    assert budget.used == 6


async def test_a_stream_has_its_own_room_within_that_of_all():
    shared = rooms.Budget(20)
    first, second = rooms.Room(shared, 10), rooms.Room(shared, 10)
    tasks = await begin(first.take(10), first.take(1), second.take(10), rooms.Room(shared).take(1))
    assert [task.done() for task in tasks] == [True, False, True, False]
    first.give_back(10)
    await asyncio.gather(*tasks)
    assert shared.used == 12


@pytest.mark.parametrize("is_full", [False, True], ids=["given up", "refused"])
async def test_what_finds_no_room_among_all_leaves_its_stream_as_it_was(is_full):
    shared = rooms.Budget(10)
    await begin(shared.take(10))
    room = rooms.Room(shared, 10)
    waiting = await begin(*([shared.take(10)] if is_full else []), room.take(8))
    waiting[-1].cancel()
    with contextlib.suppress(asyncio.CancelledError, errors.ResourceExhausted):
        await waiting[-1]
    shared.give_back(10)
    await settle()
    assert room._own.used == 0


class Service:
    """Takes requests of a hundred bytes each, and answers when it is let."""

    def __init__(self, count, *, error=None):
        self.begun = 0
        self.sent = 0
        self.let = asyncio.Semaphore(0)
        self._count = count
        self._error = error

    async def requests(self):
        for number in range(self._count):
            self.sent += 1
            message = pb.ModelInferRequest(id=str(number))
            yield streams.Sent(frugal.Decoded(message, [], size_bytes=100))

    async def infer(self, asked):
        self.begun += 1
        await self.let.acquire()
        if self._error:
            raise self._error
        return pb.ModelInferResponse(id=asked.message.id)


async def read_all(service, room):
    answers = streams.answer_each(
        service.requests(), service.infer, room, over=asyncio.Event(), is_strict=False
    )
    async with contextlib.aclosing(answers):
        return [answer async for answer in answers]


@pytest.mark.parametrize("error", [None, errors.InvalidArgument("no")], ids=["answered", "failed"])
async def test_a_stream_reads_on_when_its_requests_are_answered(error):
    shared = rooms.Budget(10_000)
    service = Service(9, error=error)
    reading = asyncio.ensure_future(read_all(service, rooms.Room(shared, 350)))
    await settle()
    assert (service.begun, service.sent, shared.used) == (3, 4, 300)
    service.let.release()
    await settle()
    assert (service.begun, service.sent, shared.used) == (4, 5, 300)
    for _ in range(8):
        service.let.release()
    assert [answer.infer_response.id for answer in await reading] == [str(number) for number in range(9)]
    await settle()
    assert shared.used == 0


async def test_streams_wait_for_each_other():
    shared = rooms.Budget(350)
    many = [Service(2) for _ in range(3)]
    reading = [asyncio.ensure_future(read_all(service, rooms.Room(shared))) for service in many]
    await settle()
    assert [service.begun for service in many] == [2, 1, 0]
    for service in many:
        service.let.release()
        service.let.release()
    assert [len(answers) for answers in await asyncio.gather(*reading)] == [2, 2, 2]
    await settle()
    assert shared.used == 0


async def test_a_stream_that_ends_early_leaves_nothing():
    shared = rooms.Budget(10_000)
    service = Service(9)
    reading = asyncio.ensure_future(read_all(service, rooms.Room(shared, 350)))
    await settle()
    reading.cancel()
    await settle()
    assert shared.used == 0


async def test_a_request_that_finds_no_room_to_wait_in_fails_alone():
    shared = rooms.Budget(150)
    held = await begin(shared.take(100), shared.take(100))
    service = Service(1)
    (answer,) = await read_all(service, rooms.Room(shared))
    assert answer.error_message.startswith("requests of streams that wait for room have 100 bytes")
    assert service.begun == 0
    shared.give_back(100)
    await held[1]


class Contents(bytearray):
    """Raw contents that can be watched."""


@pytest.mark.parametrize("is_failing", [False, True])
async def test_a_request_is_let_go_when_it_is_answered_however_long_its_answer_waits(is_failing):
    raw = Contents(100)
    watched = weakref.ref(raw)
    sent = [streams.Sent(frugal.Decoded(pb.ModelInferRequest(id="1"), [memoryview(raw)], size_bytes=100))]
    del raw
    idle = asyncio.Event()

    async def stream():
        (kept,) = sent  # as gRPC keeps it
        yield kept
        await idle.wait()

    async def infer(asked):
        if not is_failing:
            return pb.ModelInferResponse()
        try:
            return len(asked.raw[0]) // 0
        except ZeroDivisionError as error:
            raise errors.InvalidArgument("no") from error

    answers = streams.answer_each(
        stream(), infer, rooms.Room(rooms.Budget(1)), over=asyncio.Event(), is_strict=False
    )
    async with contextlib.aclosing(answers):
        await anext(answers)
        following = asyncio.ensure_future(anext(answers))
        await settle()
        gc.collect()
        assert watched() is None
        idle.set()
        with pytest.raises(StopAsyncIteration):
            await following
