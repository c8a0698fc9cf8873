"""Heads of calls."""

from __future__ import annotations

from concurrent import futures
from typing import Any

import grpc
import hpack
import hypothesis
import pytest
from hypothesis import strategies as st

from bessemer_server.rpc.http2 import decoding, headers
from tests.unit.rpc.http2.wires import HEAD


class Listening(grpc.GenericRpcHandler):
    """Answers every call with nothing, and remembers its metadata."""

    def __init__(self):
        self.heard = []

    def service(self, handler_call_details):
        self.heard += handler_call_details.invocation_metadata
        return grpc.unary_unary_rpc_method_handler(lambda request, context: b"")


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


def test_metadata_is_all_that_grpc_takes_and_nothing_else():
    """One field that it does not take is the end of a call that is passed on."""
    letters = [chr(number) for number in range(256)]
    names = [f"x{letter}" for letter in letters if headers.NAME.fullmatch(letter)]
    fields = [(name, "v") for name in names]
    fields += [(f"v{number}", letter) for number, letter in enumerate(letters) if letter not in "\0\r\n"]
    fields += [("x^-bin", "AQ"), ("empty", ""), ("x-bin", "\xe9")]
    metadata = headers.read([*HEAD, *fields]).metadata()
    taken = [("x" + letter, "v") for letter in "-._0123456789abcdefghijklmnopqrstuvwxyz"]
    taken += [(f"v{number}", letter) for number, letter in enumerate(letters) if " " <= letter <= "~"]
    assert sorted(metadata) == sorted([*taken, ("empty", ""), ("x-bin", b"")])
    listening = Listening()
    server = grpc.server(futures.ThreadPoolExecutor(1), [listening])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        ask: Any = channel.unary_unary("/Test/Ask")
        ask(b"", metadata=metadata, timeout=60)
    server.stop(None)
    assert set(metadata) <= {(name, value) for name, value in listening.heard}


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


def test_a_field_does_not_become_values_by_the_thousand():
    fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/a/b"),
        ("x-bin", ",".join(["YQ"] * 10_000)),
    ]
    found = headers.read(fields).metadata()
    assert found == [("x-bin", b"a")] * headers.MOST_JOINED + [("x-bin", b"")]
