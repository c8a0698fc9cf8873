"""Flow control: what comes and goes keeps to the windows of streams and connections."""

from __future__ import annotations

import gzip

import h2.events
import h2.settings
import pytest

from bessemer_server.rpc.http2 import connection, frames, messages, outgoing
from tests.unit.rpc.http2.wires import HEAD, Keep, Wires

SMALL = h2.settings.SettingCodes.INITIAL_WINDOW_SIZE


def test_messages_larger_than_every_window_come_and_go():
    wires = Wires()
    message = bytes(range(256)) * (20 << 10)  # 5 MiB
    assert len(message) > connection.STREAM_WINDOW
    number = wires.ask(message)
    wires.exchange()
    assert wires.answer(number)[0] == [message]
    assert wires.budget.used == 0


def test_a_client_that_takes_little_at_a_time_gets_everything():
    wires = Wires()
    wires.client.update_settings({SMALL: 10})
    wires.exchange()
    number = wires.ask(b"a" * 200, b"b" * 3)
    wires.exchange()
    assert wires.answer(number) == ([b"a" * 200, b"b" * 3], {"grpc-status": "0"})


def test_an_answer_that_is_larger_than_the_window_of_its_stream_waits_for_it():
    wires = Wires()
    wires.client.update_settings({SMALL: 100})
    wires.exchange()
    number = wires.ask(b"a" * 200)
    wires.exchange()
    assert wires.answer(number) == ([b"a" * 200], {"grpc-status": "0"})


def test_what_has_others_before_it_cannot_go_as_a_whole():
    line = Line(room=10)
    out = outgoing.Outgoing(1, line)
    assert out.has_room(b"five.")
    out.add(b"a" * 100)
    out.flush()
    assert (out.waits_for_line, out.pending_bytes) == (True, 95)
    line.room = 1000
    assert not out.has_room(b"five.")
    out.flush()
    assert out.has_room(b"five.")
    assert line.unread == out.pending_bytes == 0


class Line:
    """A connection with so much room, which windows do not bound."""

    their_window = frames.FIRST_WINDOW

    def __init__(self, room):
        self.room, self.unread = room, 0

    def count_unread(self, more):
        self.unread += more

    def emit(self, data):
        """Nobody reads it."""

    def spend(self, size):
        self.room -= size


def test_what_a_client_does_not_read_waits_and_its_stream_is_told_when_it_has_left():
    wires = Wires(Keep)
    number = wires.ask(b"x")
    wires.exchange()
    (call,) = wires.calls
    call.stream.send(b"y" * 100_000)
    wires.exchange(reads=False)
    assert call.stream.pending_bytes == 100_005 - frames.FIRST_WINDOW
    assert call.drains == 0
    wires.client.increment_flow_control_window(100_000)
    wires.client.increment_flow_control_window(100_000, number)
    wires.exchange()
    assert (call.stream.pending_bytes, call.drains) == (0, 1)


def test_streams_that_wait_for_the_connection_take_turns():
    wires = Wires()
    numbers = [wires.ask(b"z" * 50_000) for _ in range(4)]
    wires.exchange(reads=False)
    for _ in range(10):
        wires.client.increment_flow_control_window(30_000)
        wires.exchange(reads=False)
    assert [wires.answer(number)[0] for number in numbers] == [[b"z" * 50_000]] * 4


def test_a_connection_that_is_paused_keeps_data_until_it_goes_on():
    wires = Wires()
    wires.server.pause()
    number = wires.ask(b"later")
    wires.exchange()
    assert not wires.heard(number, h2.events.DataReceived)
    wires.server.resume()
    wires.exchange()
    assert wires.answer(number)[0] == [b"later"]


def test_a_window_that_shrinks_below_nothing_holds_what_is_to_come():
    wires = Wires(Keep)
    number = wires.ask(b"x")
    wires.exchange()
    wires.calls[0].stream.send(b"a" * 60_000)
    wires.client.update_settings({SMALL: 100})
    wires.exchange(reads=False)
    wires.calls[0].stream.send(b"b" * 10)
    wires.exchange(reads=False)
    assert wires.calls[0].stream.pending_bytes == 15
    wires.client.increment_flow_control_window(70_000, number)
    wires.exchange(reads=False)
    assert wires.calls[0].stream.pending_bytes == 0


def test_a_stream_whose_messages_are_not_used_up_lets_no_more_come():
    class Lazy(Keep):
        def receive(self, message):
            self.messages.append(message)

    wires = Wires(Lazy)
    number = wires.ask(ends=False)
    wires.exchange()
    with pytest.raises(AssertionError, match="nothing more"):
        wires.say(number, (b"\0\0\1\0\0" + b"m" * 65_536) * 40)
    (call,) = wires.calls
    assert sum(map(len, call.messages)) <= connection.STREAM_WINDOW + 65_541
    for message in call.messages:
        call.stream.consume(len(message))
    wires.exchange()
    assert wires.client.local_flow_control_window(number) > connection.STREAM_WINDOW // 2


@pytest.mark.parametrize(
    ("sent", "pad"),
    [
        (messages.pack(b""), None),
        (messages.pack(b"ab"), None),
        (messages.pack(bytes(3 << 20)), None),
        (messages.pack(b"ab"), 9),
    ],
)
def test_a_message_that_is_used_up_gives_its_whole_window_back(sent, pad):
    """What were kept of each would stop a long stream for good."""
    wires = Wires(Keep)
    number = wires.ask(ends=False)
    for _ in range(3):
        wires.say(number, sent, pad=pad)
        assert wires.client.local_flow_control_window(number) == connection.STREAM_WINDOW
        assert wires.budget.used == 0


def test_a_compressed_message_gives_back_the_window_that_it_took_and_no_more():
    """A window that grew by what was inflated would pass 2^31, and the client would hang up."""
    wires = Wires(Keep)
    number = wires.ask(head=[*HEAD, ("grpc-encoding", "gzip")], ends=False)
    packed = gzip.compress(bytes(2 << 20))
    for sent in (b"\1" + len(packed).to_bytes(4, "big") + packed, messages.pack(b"plain")):
        wires.say(number, sent)
        assert wires.client.local_flow_control_window(number) == connection.STREAM_WINDOW
        assert wires.budget.used == 0


def test_streams_whose_own_windows_are_shut_go_on_when_these_open():
    wires = Wires(Keep)
    wires.client.update_settings({SMALL: 0})
    numbers = [wires.ask(b"x") for _ in range(3)]
    for call in wires.calls:
        call.stream.send(b"y" * 100)
    wires.exchange(reads=False)
    wires.client.increment_flow_control_window(1)
    wires.client.increment_flow_control_window(1_000, numbers[1])
    wires.exchange(reads=False)
    assert [call.stream.pending_bytes for call in wires.calls] == [105, 0, 105]
    wires.client.update_settings({SMALL: 1_000})
    wires.exchange(reads=False)
    assert [call.stream.pending_bytes for call in wires.calls] == [0, 0, 0]
