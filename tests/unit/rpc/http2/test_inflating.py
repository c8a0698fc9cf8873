"""Compressed messages are inflated while others go on."""

import gzip
import os
import zlib
from collections import deque

import pytest

from bessemer_server.domain import errors
from bessemer_server.rpc.http2 import inflating, messages
from tests.unit.rpc.http2.wires import HEAD, Keep, Wires

PIECES = 20
GZIP = [*HEAD, ("grpc-encoding", "gzip")]


def pack(data: bytes) -> bytes:
    packed = gzip.compress(data)
    return b"\1" + len(packed).to_bytes(4, "big") + packed


LARGE = bytes(PIECES * inflating.PIECE_BYTES)


def begin(wires: Wires, *sent: bytes, ends: bool = True) -> int:
    """A call whose messages are there, and not yet inflated."""
    number = wires.ask(head=GZIP, ends=False)
    wires.client.send_data(number, b"".join(sent), end_stream=ends)
    wires.pass_on()
    return number


def test_others_are_answered_between_its_pieces():
    wires = Wires()
    large = begin(wires, pack(LARGE))
    for _ in range(PIECES // 2):
        wires.later.popleft()()
        quick = wires.client.get_next_available_stream_id()
        wires.client.send_headers(quick, HEAD)
        wires.client.send_data(quick, messages.pack(b"quick"), end_stream=True)
        wires.pass_on()
        assert wires.answer(quick) == ([b"quick"], {"grpc-status": "0"})
    assert wires.budget.used > len(LARGE) // 3
    wires.exchange()
    assert wires.answer(large) == ([LARGE], {"grpc-status": "0"})
    assert wires.budget.used == 0


def test_what_comes_behind_it_stays_behind_it():
    wires = Wires()
    number = begin(wires, pack(LARGE), messages.pack(b"plain"), pack(b"small"), messages.pack(b"last"))
    assert wires.calls[0].messages == []
    wires.exchange()
    assert wires.answer(number)[0] == [LARGE, b"plain", b"small", b"last"]


def test_a_small_one_is_there_at_once():
    wires = Wires(Keep)
    begin(wires, pack(b"small"))
    assert wires.calls[0].messages == [b"small"]
    assert not wires.later


def test_many_small_ones_take_turns_too():
    wires = Wires(Keep)
    begin(wires, *[pack(b"small")] * 50)
    assert len(wires.calls[0].messages) == 1
    for n in range(1, 50):
        wires.later.popleft()()
        assert len(wires.calls[0].messages) == n + 1
    assert not wires.later


@pytest.mark.parametrize(
    "data",
    [os.urandom(5 * inflating.GIVEN_BYTES), bytes(3 << 20), b"", b"ab" * 70_000],
    ids=["noise", "zeros", "nothing", "little"],
)
def test_each_piece_is_small_in_what_goes_in_and_in_what_comes_out(data):
    taken: list[int] = []
    inflated = inflating.Inflating(gzip.compress(data), "gzip", taken.append)
    before = 0
    while (whole := inflated.step()) is None:
        assert inflated._position - before <= inflating.GIVEN_BYTES
        before = inflated._position
    assert whole == data
    assert sum(taken) == len(data)
    assert max(taken) <= inflating.PIECE_BYTES


@pytest.mark.parametrize("size", [0, 10, 3 * inflating.GIVEN_BYTES])
@pytest.mark.parametrize(
    "rest",
    [b"x", gzip.compress(b"second"), bytes(2 * inflating.GIVEN_BYTES)],
    ids=["byte", "member", "zeros"],
)
def test_what_follows_its_end_is_refused_and_not_left_out(size, rest):
    inflated = inflating.Inflating(gzip.compress(os.urandom(size)) + rest, "gzip", lambda count: None)
    with pytest.raises(
        errors.InvalidArgument, match=f"^{len(rest):,} bytes follow the end of a message of gzip"
    ):
        next(whole for _ in range(100) if (whole := inflated.step()) is not None)


def test_bytes_that_become_nothing_are_read_little_at_a_time():
    """Blocks of a deflate stream may be empty."""
    empty = zlib.compress(b"")[:2] + b"\0\0\0\xff\xff" * 100_000
    end = zlib.compress(b"end")[2:]
    inflated = inflating.Inflating(empty + end, "deflate", lambda count: None)
    steps = 1
    while (whole := inflated.step()) is None:
        steps += 1
    assert whole == b"end"
    assert steps >= len(empty) // inflating.GIVEN_BYTES


def test_what_comes_after_a_call_has_failed_is_not_looked_at():
    """Its answer may not be through: the client has taken no more of it."""
    wires = Wires(Keep)
    number = begin(wires, pack(LARGE), ends=False)
    stream = wires.calls[0].stream
    stream.send(bytes(1 << 20))  # more than the client takes at once
    wires.client.send_data(number, b"\2\0\0\0\0")
    wires.pass_on(reads=False)
    assert wires.calls[0].is_cancelled
    assert not stream.is_over
    used = wires.budget.used
    wires.client.send_data(number, pack(LARGE), end_stream=True)
    wires.pass_on(reads=False)
    while wires.later:
        wires.later.popleft()()
    assert (wires.budget.used, wires.calls[0].messages) == (used, [])
    wires.server.lose()
    assert wires.budget.used == 0


def test_it_is_left_when_the_call_is_reset_or_the_connection_is_lost():
    for how in ("reset", "lost"):
        wires = Wires()
        number = begin(wires, pack(LARGE))
        wires.later.popleft()()
        if how == "reset":
            wires.client.reset_stream(number)
            wires.pass_on()
        else:
            wires.server.lose()
        assert wires.calls[0].is_cancelled
        assert wires.budget.used == 0
        wires.later.popleft()()
        assert not wires.later
        assert (wires.budget.used, wires.calls[0].messages) == (0, [])


def test_what_turns_out_to_be_broken_or_too_much_late_is_refused():
    broken = pack(os.urandom(2 * inflating.PIECE_BYTES))[:-4] + b"oops"
    for sent, budget, code in ((broken, 1 << 30, "3"), (pack(LARGE), len(LARGE) // 2, "8")):
        wires = Wires(budget=budget)
        number = begin(wires, sent)
        assert wires.later
        wires.exchange()
        assert wires.answer(number)[1]["grpc-status"] == code
        assert wires.calls[0].is_cancelled
        assert (wires.budget.used, wires.calls[0].messages) == (0, [])


def test_one_piece_is_done_in_each_turn_of_the_loop_whoever_it_is_for():
    soon: deque = deque()
    turns = inflating.Turns(soon.append)
    done: list[str] = []

    def work(name: str, left: int) -> None:
        done.append(name)
        if left:
            turns.add(lambda: work(name, left - 1))

    turns.add(lambda: work("a", 2))
    turns.add(lambda: work("b", 1))
    while soon:
        assert len(soon) == 1
        before = len(done)
        soon.popleft()()
        assert len(done) == before + 1
    assert done == ["a", "b", "a", "b", "a"]
