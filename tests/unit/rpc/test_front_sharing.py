"""What a front puts into shared memory stays as it is until the server has let go of it, and not longer."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from bessemer_server.domain import errors as domain_errors
from bessemer_server.rpc import errors
from bessemer_server.rpc.fronts import hub, predicting, process, sharing
from bessemer_server.worker import arena

SIZE = sharing.SHARE_FROM
LETTER = bytes(range(256)) * (SIZE // 256)


class Pair:
    """Both sides of memory for three large requests, in one process."""

    def __init__(self) -> None:
        shared = arena.create(3 * SIZE)
        assert shared
        self.told: list[list[int]] = []
        self.places = sharing.Places(shared)
        self.views = sharing.Views(shared, lambda: self.told.append(self.views.take_free()))

    def send(self, request: bytes = LETTER) -> memoryview:
        """What the server sees of it."""
        place = self.places.put(request)
        assert place
        return self.views.look(*place)


@pytest.fixture
async def pair():
    made = Pair()
    yield made
    made.views.close()


async def test_a_request_lies_there_as_it_was_and_nobody_writes_to_it(pair):
    view = pair.send()
    assert view == LETTER
    assert view.readonly


async def test_small_requests_and_those_without_room_are_sent(pair):
    assert pair.places.put(LETTER[:-1]) is None
    held = [pair.send() for _ in range(3)]
    assert pair.places.put(LETTER) is None
    assert pair.places.put(bytes(4 * SIZE)) is None
    assert held == [LETTER] * 3


async def test_a_place_is_free_again_when_the_last_view_is_gone(pair):
    kept = [pair.send(), pair.send(bytes(SIZE)), pair.send()]
    part = kept[1][100:200][20:40]
    del kept[1]
    await asyncio.sleep(0)
    assert pair.told == []  # a part is still looked at
    assert part == bytes(20)
    del part
    await asyncio.sleep(0.01)
    assert pair.told == [[SIZE]]
    assert pair.places.put(LETTER) is None
    pair.places.free(pair.told[0])
    assert pair.send() == LETTER
    assert kept == [LETTER] * 2


async def test_an_answer_takes_what_is_free_along_and_nothing_is_told_twice(pair):
    view = pair.send()
    del view
    assert pair.views.take_free() == [0]
    await asyncio.sleep(0.01)
    assert pair.told == []
    assert pair.views.take_free() == []


async def test_the_last_view_may_go_in_another_thread(pair):
    views = [pair.send() for _ in range(3)]
    dropping = threading.Thread(target=views.clear)
    dropping.start()
    dropping.join()
    await asyncio.sleep(0.01)
    assert sorted(start for told in pair.told for start in told) == [0, SIZE, 2 * SIZE]


async def test_a_view_outlives_its_front():
    pair = Pair()
    view = pair.send()
    pair.views.close()
    assert view == LETTER
    del view


@pytest.mark.parametrize("how", ["answered", "refused", "taken back"])
async def test_a_place_is_free_as_soon_as_the_front_has_its_answer(monkeypatch, how):
    told, tell = [], hub._Connection._tell_free

    def see(connection: hub._Connection) -> None:
        told.append(how)
        tell(connection)

    monkeypatch.setattr(hub._Connection, "_tell_free", see)
    shared, asked = arena.create(3 * SIZE), asyncio.Event()
    assert shared
    places = sharing.Places(shared)
    courier = process.Courier(places)

    async def infer(request: bytes | memoryview, left_s: float | None) -> bytes:
        kept = request[:10]
        asked.set()
        if how == "refused":
            raise predicting.Refusal(errors.to_status(domain_errors.NotFound("no such model")))
        if how == "taken back":
            await asyncio.sleep(3600)
        return bytes(kept)

    known: asyncio.Future[predicting.Infer] = asyncio.get_running_loop().create_future()
    known.set_result(infer)
    ours, theirs = socket.socketpair()
    server = hub._Connection(known, shared)
    await server.open(ours)
    await courier.connect(theirs)
    asking = asyncio.create_task(courier.infer(LETTER, None))
    await asked.wait()
    if how == "taken back":
        assert not places._blocks.is_empty
        asking.cancel()
    ended = await asyncio.gather(asking, return_exceptions=True)
    assert [type(each) for each in ended] == [
        {"answered": bytes, "refused": predicting.Refusal, "taken back": asyncio.CancelledError}[how]
    ]
    await asyncio.sleep(0.05)
    assert places._blocks.is_empty
    assert told == ([how] if how == "taken back" else [])  # an answer takes it along
    assert courier._link
    courier._link.close()
    await courier.ended.wait()
    await server.ended.wait()
    await asyncio.sleep(0)
