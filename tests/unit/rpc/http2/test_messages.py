"""Messages out of a stream's bytes."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import hypothesis
import pytest
from hypothesis import strategies as st

from bessemer_server.domain import errors
from bessemer_server.rpc.http2 import inflating, messages
from tests.unit.rpc.http2.wires import cut

COMPRESS: dict[str, Callable[..., bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}


def make(encoding: str = "identity", limit: int = 1 << 30) -> messages.Reader:
    return messages.Reader(encoding, messages.Budget(limit))


def feed(reader: messages.Reader, data: bytes, piece: int = 1 << 30) -> list[bytes]:
    return [inflate(message) for part in cut(data, piece) for message in reader.feed(memoryview(part))]


def inflate(message: bytes | inflating.Inflating) -> bytes:
    if isinstance(message, bytes):
        return message
    while (found := message.step()) is None:
        pass
    return found


def pack_compressed(data: bytes) -> bytes:
    return b"\1" + len(data).to_bytes(4, "big") + data


@hypothesis.given(st.lists(st.binary(max_size=50)), st.integers(1, 20))
def test_messages_come_out_however_they_are_cut(sent, piece):
    reader = make()
    assert feed(reader, b"".join(map(messages.pack, sent)), piece) == sent
    assert not reader.is_amid


@pytest.mark.parametrize("encoding", COMPRESS)
def test_compressed_messages_come_out_whole_beside_plain_ones(encoding):
    reader = make(encoding)
    large = bytes(3 << 20)
    data = (
        pack_compressed(COMPRESS[encoding](large))
        + messages.pack(b"plain")
        + pack_compressed(COMPRESS[encoding](b""))
    )
    assert feed(reader, data, 1000) == [large, b"plain", b""]


@pytest.mark.parametrize(
    ("encoding", "data", "said"),
    [
        ("identity", b"\1\0\0\0\1x", "does not say how"),
        ("gzip", b"\2\0\0\0\1x", "neither 0 nor 1"),
        ("gzip", b"\1\0\0\0\3abc", "is not gzip"),
        ("gzip", pack_compressed(gzip.compress(b"abc", mtime=0)[:-6]), "cut off"),
        ("deflate", pack_compressed(zlib.compress(bytes(9000))[:-6]), "cut off"),
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused(encoding, data, said):
    with pytest.raises(errors.InvalidArgument, match=said):
        feed(make(encoding), data)


def test_a_message_that_says_it_is_too_large_is_refused_by_its_first_bytes():
    with pytest.raises(errors.ResourceExhausted, match="268,435,456 are the most"):
        feed(make(), b"\0\xff\xff\xff\xff")


def test_a_bomb_is_refused_and_not_unpacked():
    bomb = pack_compressed(gzip.compress(bytes(inflating.MAX_BYTES + 1)))
    with pytest.raises(errors.ResourceExhausted, match="67,108,864 are the most"):
        feed(make("gzip"), bomb)


def test_what_all_hold_together_is_bounded_and_given_back():
    budget = messages.Budget(1000)
    first, second = messages.Reader("identity", budget), messages.Reader("identity", budget)
    feed(first, b"\0\0\0\3\x20" + bytes(750))  # most of 800 bytes
    assert (first.missing, budget.used) == (50, 755)
    with pytest.raises(errors.ResourceExhausted, match="beyond 1,000"):
        feed(second, messages.pack(bytes(300)))
    first.close()
    assert feed(second, messages.pack(bytes(300))) == [bytes(300)]
    second.close()
    assert budget.used == 0


def test_what_is_only_promised_takes_no_room_from_others_and_is_refused_where_there_is_none():
    budget = messages.Budget(1000)
    promising, other = messages.Reader("identity", budget), messages.Reader("identity", budget)
    feed(promising, b"\0\0\0\3\x84")  # 900 bytes, of which none comes
    assert feed(other, messages.pack(bytes(900))) == [bytes(900)]
    with pytest.raises(errors.ResourceExhausted, match="beyond 1,000"):
        feed(promising, bytes(200))
    with pytest.raises(errors.ResourceExhausted, match="beyond 1,000"):
        feed(messages.Reader("identity", budget), b"\0\0\0\3\x84")


@hypothesis.given(st.lists(st.sampled_from([1, 2, 100, 4095, 4096, 5000, 20_000]), max_size=12))
def test_a_message_comes_out_whole_of_small_pieces_and_large_ones(sizes):
    sent = bytes(number % 251 for number in range(sum(sizes)))
    reader = make()
    assert feed(reader, len(sent).to_bytes(5, "big")) == ([] if sent else [b""])
    found, start = [], 0
    for size in sizes:
        found += feed(reader, sent[start : start + size])
        start += size
    assert found == ([sent] if sent else [])
    assert all(type(message) is bytes for message in found)


def test_a_message_in_small_pieces_takes_about_as_much_as_is_counted():
    """Two bytes at a time, each piece for itself would take twenty times as much."""
    reader, pieces = make(), 20_000
    feed(reader, b"\0\1\0\0\0")
    tracemalloc.start()
    try:
        for _ in range(pieces):
            feed(reader, b"ab")
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2 * 2 * pieces


def test_messages_are_taken_one_by_one_and_none_behind_the_end():
    """A call that takes one message is over with the second, and of thousands more nothing is read or held."""
    budget = messages.Budget(1000)
    reader = messages.Reader("identity", budget)
    found = reader.feed(memoryview(messages.pack(b"abc") * 3 + b"\2"))
    assert (next(found), budget.used) == (b"abc", 8)
    assert (next(found), budget.used) == (b"abc", 16)
    reader.close()
    assert list(found) == []
    assert budget.used == 0
