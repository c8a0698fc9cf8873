"""However many follow, a few are written to at a time, and all have their turn."""

import asyncio
import collections
import dataclasses
import unittest.mock

import pytest

from bessemer_server.rpc import sending

LONG_S = 600
"""A turn that does not end early."""
CROWD = [f"client {n}" for n in range(3 * sending.AT_ONCE)]
"""More than can be written to at a time."""


@dataclasses.dataclass
class Line:
    """A message with a cursor."""

    cursor: int


async def count(last):
    """Pieces of lines from 1."""
    for piece in sending.cut([Line(n) for n in range(1, last + 1)]):
        yield piece


class Book:
    """Writes down what was written to whom, and can have a client take nothing."""

    def __init__(self):
        self.written: list[tuple[str, int]] = []
        self.under_way: set[str] = set()
        self.most = 0
        self.is_busy = asyncio.Event()
        """As many are written to as may be."""
        self.takes = collections.defaultdict(asyncio.Event)

    def client(self, name, *, reads=True):
        """A context of this client."""
        if reads:
            self.takes[name].set()

        async def write(line):
            self.under_way.add(name)
            self.most = max(self.most, len(self.under_way))
            if self.most == sending.AT_ONCE:
                self.is_busy.set()
            await asyncio.sleep(0)
            await self.takes[name].wait()
            self.under_way.discard(name)
            self.written.append((name, line.cursor))

        return unittest.mock.Mock(write=write)

    async def send(self, turns, name, last, *, reads=True):
        """So many lines to this client."""
        await sending.send(count(last), self.client(name, reads=reads), turns)

    def cursors(self, name):
        """What this client has."""
        return [cursor for who, cursor in self.written if who == name]


@pytest.fixture
async def book():
    return Book()


def test_pieces_are_whole_but_for_the_last_one():
    messages = list(range(2 * sending.PIECE + 3))
    pieces = list(sending.cut(messages))
    assert [len(piece) for piece in pieces] == [sending.PIECE, sending.PIECE, 3]
    assert [message for piece in pieces for message in piece] == messages
    assert list(sending.cut([])) == []


async def test_a_few_are_written_to_at_a_time_and_each_has_everything_in_order(book, monkeypatch):
    monkeypatch.setattr(sending, "TURN_S", LONG_S)
    turns, last = sending.Turns(), 10 * sending.PIECE
    await asyncio.gather(*(book.send(turns, name, last) for name in CROWD))
    assert book.most == sending.AT_ONCE
    assert all(book.cursors(name) == list(range(1, last + 1)) for name in CROWD)


async def test_nobody_gets_a_second_piece_before_all_have_the_first(book, monkeypatch):
    monkeypatch.setattr(sending, "TURN_S", LONG_S)
    turns = sending.Turns()
    await asyncio.gather(*(book.send(turns, name, 5 * sending.PIECE) for name in CROWD))
    cursors = [cursor for _, cursor in book.written]
    assert cursors[: cursors.index(sending.PIECE + 1)].count(1) == len(CROWD)


async def test_news_do_not_wait_for_those_who_catch_up(book, monkeypatch):
    monkeypatch.setattr(sending, "TURN_S", LONG_S)
    turns = sending.Turns()
    stuck = [asyncio.create_task(book.send(turns, name, 100, reads=False)) for name in CROWD]
    await book.is_busy.wait()
    await book.send(turns, "live", sending.PIECE - 1)
    assert book.cursors("live") == list(range(1, sending.PIECE))
    assert len(book.written) == sending.PIECE - 1
    for task in stuck:
        task.cancel()
    await asyncio.gather(*stuck, return_exceptions=True)


async def test_clients_that_take_nothing_hold_up_nobody(book, monkeypatch):
    monkeypatch.setattr(sending, "TURN_S", 0.01)
    turns, last = sending.Turns(), 3 * sending.PIECE
    stuck = [asyncio.create_task(book.send(turns, name, last, reads=False)) for name in CROWD]
    await book.send(turns, "reader", last)
    assert book.cursors("reader") == list(range(1, last + 1))
    assert {name for name, _ in book.written} == {"reader"}
    for name in CROWD:
        book.takes[name].set()
    await asyncio.gather(*stuck)
    assert all(book.cursors(name) == list(range(1, last + 1)) for name in CROWD)


async def test_a_turn_that_ended_early_is_given_back_once(monkeypatch):
    monkeypatch.setattr(sending, "TURN_S", 0)
    monkeypatch.setattr(sending, "AT_ONCE", 1)
    turns = sending.Turns()
    async with turns.take(1), turns.take(1):  # the first one has ended, or the second would never begin
        pass
    monkeypatch.setattr(sending, "TURN_S", LONG_S)
    async with turns.take(1):
        other = asyncio.create_task(take_and_end(turns))
        for _ in range(10):
            await asyncio.sleep(0)
        assert not other.done(), "two turns at once"
    await other


async def take_and_end(turns):
    """A turn."""
    async with turns.take(1):
        pass


async def test_who_goes_while_it_waits_or_writes_takes_no_turn_along(book, monkeypatch):
    monkeypatch.setattr(sending, "TURN_S", LONG_S)
    turns = sending.Turns()
    gone = [asyncio.create_task(book.send(turns, name, 100, reads=False)) for name in CROWD]
    await book.is_busy.wait()
    for task in gone:
        task.cancel()
    await asyncio.gather(*gone, return_exceptions=True)
    await book.send(turns, "reader", 100)
    assert book.cursors("reader") == list(range(1, 101))
