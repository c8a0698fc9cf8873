"""Heads that are remembered."""

from __future__ import annotations

import gc

import hpack
import hypothesis
import pytest
from hypothesis import strategies as st

from bessemer_server.rpc.http2 import decoding, headers
from bessemer_server.rpc.http2.frames import ConnectionFault, StreamFault
from tests.unit.rpc.http2.wires import HEAD

NAMES = st.sampled_from(["tenant", "trace", "x-1"])
FIELDS = st.lists(st.tuples(NAMES, st.sampled_from(["a", "b" * 30, "c" * 900])), max_size=4)
# Not the same size twice: the encoder of the library forgets then to tell that it has changed.
SIZES = st.lists(st.sampled_from([0, 100, 4096]), max_size=2, unique=True)
OTHER = [("trace", "of another")], True, []
CALLS = st.lists(st.tuples(FIELDS, st.booleans(), SIZES), max_size=30)


LARGE = b"\x40\x05trace\x7f\x85\x06" + b"c" * 900
"""A field that fills the table."""
AGAIN = b"\xbe"
"""The same field, by its place there."""


def count_heads() -> int:
    """Those that are remembered anywhere."""
    gc.collect()
    return sum(len(state.known) for state in gc.get_objects() if type(state) is decoding.State)


def send(encoder, decoder, calls):
    for fields, huffman, sizes in calls:
        for size in sizes:
            encoder.header_table_size = size
        for _ in range(1 if sizes else 2):
            block = encoder.encode([*HEAD, *fields], huffman=huffman)
            assert decoder.decode(block).fields == (*HEAD, *fields)


@hypothesis.given(CALLS)
def test_heads_that_are_remembered_are_those_that_were_sent(calls):
    """Whatever a client keeps in its table, and however often that changes below what is remembered."""
    send(hpack.Encoder(), decoding.Decoder(), calls)


@hypothesis.given(st.lists(CALLS, min_size=2, max_size=4), st.booleans())
def test_what_one_connection_has_sent_is_what_another_means(connections, is_forgetful):
    memory = decoding.Memory()
    with pytest.MonkeyPatch.context() as patched:
        if is_forgetful:
            patched.setattr(decoding, "KEPT_IN_ALL", 9)
        for calls in [*connections, *([*calls, OTHER] for calls in connections)]:
            send(hpack.Encoder(), decoding.Decoder(memory), calls)


def test_who_begins_as_another_did_is_understood_without_the_library(monkeypatch):
    memory = decoding.Memory()
    calls = [([], True, [])] * 3
    send(hpack.Encoder(), decoding.Decoder(memory), calls)
    monkeypatch.setattr(decoding.Decoder, "_build", lambda self: pytest.fail("it was asked"))
    send(hpack.Encoder(), decoding.Decoder(memory), calls)


def test_who_goes_on_otherwise_is_understood_by_what_came_before():
    memory = decoding.Memory()
    send(hpack.Encoder(), decoding.Decoder(memory), [([], True, []), ([("tenant", "a")], True, [])])
    send(hpack.Encoder(), decoding.Decoder(memory), [([], True, []), ([("trace", "b")], True, [])] * 2)


def test_who_goes_beyond_what_is_shared_is_understood_by_all_that_came_before():
    memory = decoding.Memory()
    calls = [([("trace", str(number))], True, []) for number in range(3 * decoding.DEPTH)]
    for length in (len(calls), decoding.DEPTH + 1, decoding.DEPTH + 2, len(calls)):
        send(hpack.Encoder(), decoding.Decoder(memory), [*calls[:length], OTHER, *calls[:length]])


def test_what_is_filled_with_anything_is_forgotten_at_last(monkeypatch):
    monkeypatch.setattr(decoding, "KEPT_IN_ALL", 200)
    memory, before = decoding.Memory(), count_heads()
    encoder, decoder = hpack.Encoder(), decoding.Decoder(memory)
    for number in range(1000):
        fields = [*HEAD, ("trace", str(number))]
        assert decoder.decode(encoder.encode(fields)).fields == tuple(fields)
        if number % 20 == 0:  # others come
            encoder, decoder = hpack.Encoder(), decoding.Decoder(memory)
    assert 0 < count_heads() - before <= 200


def test_a_head_that_is_larger_than_its_block_is_not_remembered():
    """By references a block of 70 bytes becomes a head of 60 KiB: thousands of them would take hundreds of megabytes."""
    before = count_heads()
    decoder = decoding.Decoder(decoding.Memory())
    beginning = headers.encode(HEAD)
    decoder.decode(beginning + LARGE)
    for times in (60, 60, 10):
        assert (
            decoder.decode(beginning + AGAIN * times).fields[len(HEAD) :] == (("trace", "c" * 900),) * times
        )
    assert count_heads() == before
    decoder.decode(beginning)
    assert count_heads() == before + 1


def test_what_is_forgotten_is_forgotten_for_connections_that_stay_too(monkeypatch):
    """Else each of them, opened at another time, would keep as much as all may."""
    monkeypatch.setattr(decoding, "KEPT_IN_ALL", 200)
    memory, before = decoding.Memory(), count_heads()
    connections = [(hpack.Encoder(), decoding.Decoder(memory)) for _ in range(20)]
    for number, (encoder, decoder) in enumerate(connections):
        # What it keeps in its table is its own after `DEPTH` heads: others never come there.
        for call in range(decoding.DEPTH * (number % 3)):
            send(encoder, decoder, [([("tenant", f"{number} {call}")], True, [])])
        for call in range(60):
            assert decoder.decode(headers.encode([*HEAD, ("trace", f"{number} {call}")]))
    assert 0 < count_heads() - before <= 200
    for encoder, decoder in connections:
        send(encoder, decoder, [([("tenant", "a")], True, []), OTHER])


def test_the_letters_of_a_value_are_its_bytes():
    """It need not be UTF-8 (RFC 9110, section 5.5), and what a proxy passes on for one client is not the end of all others."""
    for huffman in (False, True):
        encoder, decoder = hpack.Encoder(), decoding.Decoder(decoding.Memory())
        for _ in range(3):
            block = encoder.encode([*HEAD, (b"name", b"Andr\xe9")], huffman=huffman)
            assert decoder.decode(block).fields[-1] == ("name", "Andr\xe9")


def test_a_head_that_is_refused_changes_the_table_all_the_same():
    encoder, decoder = hpack.Encoder(), decoding.Decoder(decoding.Memory())
    for _ in range(2):
        with pytest.raises(StreamFault):
            decoder.decode(encoder.encode([*HEAD, ("connection", "close")]))
        send(encoder, decoder, [([("tenant", "a")], True, [])])


def test_trailers_change_the_table_too():
    encoder, decoder = hpack.Encoder(), decoding.Decoder(decoding.Memory())
    for _ in range(2):
        decoder.skip(encoder.encode([("checksum", "1")]))
        send(encoder, decoder, [([("checksum", "1")], True, [])])


def test_what_is_no_head_ends_its_connection_and_no_other():
    memory = decoding.Memory()
    for _ in range(2):
        with pytest.raises(ConnectionFault):
            decoding.Decoder(memory).decode(b"\xff\xff\xff\xff")
    assert decoding.Decoder(memory).decode(headers.encode(HEAD)).fields == tuple(HEAD)
