"""Calls over a connection, as another implementation of HTTP/2 makes them."""

from __future__ import annotations

import h2.events
import h2.settings
import hypothesis
import pytest
from hypothesis import strategies as st

from bessemer_server.domain import errors
from bessemer_server.rpc.http2 import frames, messages
from tests.unit.rpc.http2.wires import HEAD, Echo, Keep, Wires

SMALL = h2.settings.SettingCodes.INITIAL_WINDOW_SIZE


def test_a_call_is_answered_with_its_message_and_status():
    wires = Wires()
    number = wires.ask(b"hello")
    wires.exchange()
    (begin,) = wires.heard(number, h2.events.ResponseReceived)
    assert dict(begin.headers) == {":status": "200", "content-type": "application/grpc"}
    assert wires.answer(number) == ([b"hello"], {"grpc-status": "0"})
    assert wires.heard(number, h2.events.StreamEnded)
    assert wires.server.is_idle


@hypothesis.given(
    calls=st.lists(st.lists(st.binary(max_size=40), max_size=4), min_size=1, max_size=5),
    piece=st.integers(1, 60),
    pad=st.none() | st.integers(0, 20),
)
def test_answers_do_not_depend_on_how_the_bytes_are_cut(calls, piece, pad):
    wires = Wires()
    numbers = []
    for sent in calls:
        numbers.append(wires.ask(*sent, pad=pad))
        wires.exchange(piece=piece)
    wires.exchange(piece=piece)
    assert [wires.answer(number)[0] for number in numbers] == calls
    assert {wires.answer(number)[1]["grpc-status"] for number in numbers} == {"0"}
    assert wires.server.is_idle
    assert wires.budget.used == 0


@pytest.mark.parametrize("piece", [1, 5, 23])
def test_the_beginning_of_a_connection_may_come_in_pieces(piece):
    wires = Wires()
    wires.exchange(piece=piece)
    number = wires.ask(b"hello")
    wires.exchange()
    assert wires.answer(number)[0] == [b"hello"]


def test_a_compression_that_there_is_not_is_told_with_those_that_there_are():
    wires = Wires()
    number = wires.ask(head=[*HEAD, ("grpc-encoding", "snappy")], ends=False)
    wires.say(number, b"\1\0\0\0\1x")
    said, end = wires.answer(number)
    assert said == []
    assert end["grpc-status"] == "12"  # UNIMPLEMENTED
    assert "'snappy' cannot be read" in end["grpc-message"]
    assert end["grpc-accept-encoding"] == "identity,gzip,deflate"


def test_a_call_that_is_reset_is_cancelled_and_forgotten():
    wires = Wires(Keep)
    number = wires.ask(b"x", ends=False)
    wires.exchange()
    wires.client.reset_stream(number)
    wires.exchange()
    assert wires.calls[0].is_cancelled
    assert wires.server.is_idle
    assert wires.budget.used == 0
    wires.calls[0].stream.answer(b"too late")
    wires.calls[0].stream.finish(13, "too late")
    assert wires.server.take() == b""


def test_every_call_of_a_lost_connection_is_cancelled():
    wires = Wires(Keep)
    for _ in range(3):
        wires.ask(b"x")
    wires.exchange()
    wires.server.lose()
    assert [call.is_cancelled for call in wires.calls] == [True] * 3
    assert wires.budget.used == 0


def test_errors_are_ends_without_messages_and_their_text_may_have_any_letter():
    class Refusing(Echo):
        def receive(self, message):
            raise errors.InvalidArgument("größer als 100 %\n")

    wires = Wires(Refusing)
    number = wires.ask(b"x", ends=False)
    wires.exchange()
    found, end = wires.answer(number)
    assert found == []
    assert (end["grpc-status"], end[":status"]) == ("3", "200")
    assert end["grpc-message"] == "gr%C3%B6%C3%9Fer als 100 %25%0A"
    assert wires.calls[0].is_cancelled


def test_an_answer_before_the_client_has_sent_everything_tells_it_to_stop():
    wires = Wires(Keep)
    number = wires.ask(b"x", ends=False)
    wires.exchange()
    wires.calls[0].stream.finish(8, "enough")
    wires.exchange()
    (reset,) = wires.heard(number, h2.events.StreamReset)
    assert reset.error_code == frames.Code.NO_ERROR
    late = frames.frame(frames.DATA, 0, number, b"late") + frames.reset(number, frames.Code.CANCEL)
    wires.server.receive(late + frames.window_update(number, 5))
    assert not wires.server.is_over


def test_a_server_that_goes_ends_what_it_has_begun_and_takes_nothing_new():
    wires = Wires(Keep)
    number = wires.ask(b"x")
    wires.exchange()
    late = frames.frame(frames.HEADERS, frames.END_HEADERS, number + 2, wires.client.encoder.encode(HEAD))
    wires.server.shut_down()
    wires.server.receive(late)
    refused = frames.reset(number + 2, frames.Code.REFUSED_STREAM)
    assert wires.server.take() == frames.goaway(number, frames.Code.NO_ERROR) + refused
    ends = [wires.server.is_over]
    wires.calls[0].stream.answer(b"last")
    ends.append(wires.server.is_over)
    assert ends == [False, True]
    assert messages.pack(b"last") in wires.server.take()


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        (":method", "GET", "405"),
        ("content-type", "text/html", "415"),
        ("content-type", "application/grpc-web", "415"),
    ],
)
def test_what_is_no_call_of_grpc_is_told_so_in_http(name, value, status):
    wires = Wires()
    number = wires.ask(head=[(key, value if key == name else old) for key, old in HEAD], ends=False)
    wires.exchange()
    (begin,) = wires.heard(number, h2.events.ResponseReceived)
    assert dict(begin.headers)[":status"] == status
    assert wires.calls == []


def test_messages_of_a_call_may_have_a_named_form():
    wires = Wires()
    head = [(key, "application/grpc+proto" if key == "content-type" else value) for key, value in HEAD]
    number = wires.ask(b"x", head=head)
    wires.exchange()
    assert wires.answer(number)[0] == [b"x"]


def test_pings_and_settings_are_acknowledged():
    wires = Wires()
    wires.client.ping(b"12345678")
    wires.client.update_settings({SMALL: 1000})
    wires.exchange()
    kinds = {type(event) for event in wires.events}
    assert {h2.events.PingAckReceived, h2.events.SettingsAcknowledged} <= kinds


def test_a_head_may_come_in_parts_and_trailers_end_a_request():
    wires = Wires()
    wires.exchange()
    block = wires.client.encoder.encode([*HEAD, ("x", "y" * 300)])
    trailers = wires.client.encoder.encode([("checksum", "1")])
    wires.server.receive(
        frames.frame(frames.HEADERS, 0, 1, block[:10])
        + frames.frame(frames.CONTINUATION, 0, 1, block[10:20])
        + frames.frame(frames.CONTINUATION, frames.END_HEADERS, 1, block[20:])
        + frames.frame(frames.DATA, 0, 1, b"\0\0\0\0\1a")
        + frames.frame(frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, 1, trailers)
    )
    assert wires.calls[0].messages == [b"a"]
    assert b"\0\0\0\0\1a" in wires.server.take()
    assert ("x", "y" * 300) in wires.calls[0].stream.head.metadata()
