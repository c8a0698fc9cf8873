"""Heads of calls."""

from __future__ import annotations

import hpack
import hypothesis
import pytest
from hypothesis import strategies as st

from bessemer_server.rpc.http2 import decoding, headers
from tests.unit.rpc.http2.wires import HEAD


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("3H", 10800), ("2M", 120), ("5S", 5), ("250m", 0.25), ("9u", 9e-6), ("1n", 1e-9), ("2562047H", headers.LONGEST_S), ("", None), ("1", None),
     ("123456789S", None), ("-1S", None), ("S", None)],
)  # fmt: skip
def test_the_time_that_is_left_is_read(text, seconds):
    block = headers.encode([*HEAD, ("grpc-timeout", text)] if text else HEAD)
    assert decoding.Decoder().decode(block).timeout_s == (pytest.approx(seconds) if seconds else None)


def test_metadata_is_what_the_client_itself_has_sent():
    fields = [
        ("tenant", "a"), ("team-bin", "AP8,AQ=="), ("user-agent", "x"), ("grpc-timeout", "1S"), ("broken-bin", "!"),
    ]  # fmt: skip
    head = decoding.Decoder().decode(headers.encode([*HEAD, *fields]))
    assert head.metadata() == [
        ("tenant", "a"),
        ("team-bin", b"\x00\xff"),
        ("team-bin", b"\x01"),
        ("broken-bin", b""),
    ]


@hypothesis.given(st.integers(0, 1 << 20))
def test_lengths_are_encoded_as_hpack_has_them(length):
    value = "v" * min(length, 20_000)
    decoder = hpack.Decoder(1 << 21)
    (field,) = decoder.decode(headers.encode([("name", value)]))
    name, found = map(str, field)
    assert (name, found) == ("name", value)


def test_an_end_says_what_it_was_given():
    fields = headers.end_fields(5, "nicht gefunden: ä%", [("why-bin", b"\x00\xff"), ("a", "b")])
    assert fields == [
        ("grpc-status", "5"),
        ("grpc-message", "nicht gefunden: %C3%A4%25"),
        ("why-bin", "AP8"),
        ("a", "b"),
    ]
