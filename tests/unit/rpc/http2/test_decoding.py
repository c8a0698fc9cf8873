"""Heads that are remembered."""

from __future__ import annotations

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
    memory = decoding.Memory()
    encoder, decoder = hpack.Encoder(), decoding.Decoder(memory)
    for number in range(1000):
        fields = [*HEAD, ("trace", str(number))]
        assert decoder.decode(encoder.encode(fields)).fields == tuple(fields)
        if number % 20 == 0:  # others come
            encoder, decoder = hpack.Encoder(), decoding.Decoder(memory)
    seen, count = [memory.beginning], 0
    while seen:
        state = seen.pop()
        count += len(state.known)
        seen += [after for _, after in state.known.values() if after is not state]
    assert 0 < count <= 200


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
