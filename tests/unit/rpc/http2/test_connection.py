"""Calls over a connection, as another implementation of HTTP/2 makes them."""

from __future__ import annotations

import gzip
import time

import h2.events
import h2.settings
import hypothesis
import pytest
from hypothesis import strategies as st

from bessemer_server.domain import errors
from bessemer_server.rpc.http2 import connection, frames, messages, resets, stream, unread, waiting
from bessemer_server.rpc.http2.stream import Stream
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


def test_answers_that_a_client_leaves_unread_are_bounded_for_its_connection(monkeypatch):
    monkeypatch.setattr(unread, "CONNECTION_BYTES", 1 << 20)
    wires, message = Wires(Keep), bytes(300_000)
    numbers = [wires.ask(ends=False) for _ in range(8)]
    wires.exchange()
    for call in wires.calls:
        call.stream.answer(message)
    wires.exchange(reads=False)
    ends = [wires.answer(number) for number in numbers]
    refused = [
        number for number, (_, end) in zip(numbers, ends, strict=True) if end.get("grpc-status") == "8"
    ]
    assert refused == numbers[4:]  # four are a MiB and more, but for what the client has taken
    assert all(call.is_cancelled == (call in wires.calls[4:]) for call in wires.calls)
    assert 1 << 20 <= wires.server.unread <= 4 * 300_005
    wires.client.increment_flow_control_window(1 << 24)
    for number in numbers[:4]:
        wires.client.increment_flow_control_window(1 << 20, number)
    wires.exchange()
    assert [wires.answer(number)[0] for number in numbers[:4]] == [[message]] * 4
    assert wires.server.unread == 0
    last = wires.ask(ends=False)
    wires.exchange()
    wires.calls[-1].stream.answer(message)
    wires.client.increment_flow_control_window(1 << 20, last)
    wires.exchange()
    assert wires.answer(last)[0] == [message]


def test_what_a_client_left_unread_is_forgotten_with_its_calls():
    wires = Wires(Keep)
    numbers = [wires.ask(ends=False) for _ in range(2)]
    wires.exchange()
    for call in wires.calls:
        call.stream.answer(bytes(300_000))
    wires.client.reset_stream(numbers[0])
    wires.exchange(reads=False)
    assert 0 < wires.server.unread < 300_005
    wires.server.lose()
    assert wires.server.unread == 0


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


def test_more_streams_than_are_allowed_are_refused_one_by_one(monkeypatch):
    monkeypatch.setattr(connection, "MAX_STREAMS", 2)
    wires = Wires(Keep)
    numbers = [wires.ask(b"x", ends=False) for _ in range(2)]
    wires.server.receive(
        frames.frame(frames.HEADERS, frames.END_HEADERS, 5, wires.client.encoder.encode(HEAD))
    )
    assert wires.server.take().endswith(frames.reset(5, frames.Code.REFUSED_STREAM))
    wires.calls[0].stream.answer(b"y")
    wires.exchange()
    assert wires.answer(numbers[0])[0] == [b"y"]


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


def test_a_small_packet_has_few_streams_looked_at(monkeypatch):
    monkeypatch.setattr(waiting, "AT_ONCE", 4)
    wires = Wires(Keep)
    numbers = [wires.ask(b"x") for _ in range(10)]
    for call in wires.calls:
        call.stream.send(b"y" * 20_000)
    wires.exchange(reads=False)  # the connection's window is used up: those behind the fourth wait for it
    flushed: list[int] = []
    flush = Stream.flush

    def see(stream: Stream) -> None:
        flushed.append(stream.id)
        flush(stream)

    monkeypatch.setattr(Stream, "flush", see)

    wires.client.update_settings({})
    wires.client.increment_flow_control_window(30_000, numbers[9])
    wires.pass_on(reads=False)
    assert set(flushed) <= {numbers[9]}  # whose own window has grown, though the connection's has not
    flushed.clear()

    wires.client.increment_flow_control_window(1)
    wires.pass_on(reads=False)
    assert len(flushed) == 1
    flushed.clear()

    wires.client.increment_flow_control_window(1 << 20)
    wires.pass_on(reads=False)
    assert len(flushed) == 4  # the others have their turn when somebody else had
    wires.exchange(reads=False)
    assert [call.stream.pending_bytes for call in wires.calls] == [0] * 10


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


def test_a_message_that_hardly_comes_is_not_waited_for():
    wires = Wires(Keep)
    whole = messages.pack(b"x" * 1000)
    slow = wires.ask(ends=False)
    steady = wires.ask(ends=False)
    idle = wires.ask(b"done", ends=False)
    wires.say(slow, whole[:500])
    for look in range(stream.SLOW_LOOKS):
        assert wires.budget.used >= 500
        wires.say(slow, whole[500 + look : 501 + look])
        wires.say(steady, messages.pack(bytes(stream.LEAST_BYTES)))
        wires.say(steady, whole[:900])  # amid a message at each look, and yet it goes on
        assert not wires.server.look()
        wires.say(steady, whole[900:])
    wires.exchange()
    assert wires.answer(slow)[1]["grpc-status"] == "14"
    assert "was begun" in wires.answer(slow)[1]["grpc-message"]
    assert [call.is_cancelled for call in wires.calls] == [True, False, False]
    assert wires.server._streams.keys() == {steady, idle}


def test_a_request_that_is_not_there_by_its_deadline_is_given_up(monkeypatch):
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    wires = Wires(Keep)
    number = wires.ask(b"x", head=[*HEAD, ("grpc-timeout", "1S")], ends=False)
    wires.server.look()
    assert wires.calls[0].stream.left_s == 1.0
    now_s += 2
    wires.server.look()
    wires.exchange()
    assert wires.answer(number)[1]["grpc-status"] == "4"
    assert wires.calls[0].is_cancelled


@pytest.mark.parametrize("reads", [True, False])
def test_who_reads_nothing_for_long_is_known(reads):
    wires = Wires(Keep)
    wires.ask(b"x")
    wires.exchange()
    wires.calls[0].stream.send(b"y" * 1_000_000)
    wires.exchange(reads=False)
    looks = []
    for _ in range(connection.STALLED_LOOKS + 1):
        if reads:
            wires.client.increment_flow_control_window(1000)
            wires.client.increment_flow_control_window(1000, 1)
            wires.exchange(reads=False)
        looks.append(wires.server.look())
    assert looks == [False] * connection.STALLED_LOOKS + [not reads]


def test_what_all_clients_leave_unread_is_bounded_and_who_reads_is_not_refused():
    left = unread.Unread(100_000)
    wires = [Wires(Keep, left=left) for _ in range(3)]
    for one in wires:
        one.ask(b"x")
        one.exchange()
    for one in wires[:2]:
        one.calls[0].stream.send(b"y" * 120_000)
        one.exchange(reads=False)
    assert left.is_full
    wires[1].calls[0].stream.send(b"y")
    assert [one.calls[0].is_cancelled for one in wires] == [False, True, False]
    wires[2].calls[0].stream.send(b"z")
    wires[2].calls[0].stream.finish()
    wires[2].exchange()
    assert wires[2].answer(1)[0] == [b"z"]
    for one in wires:
        one.server.lose()
    assert left.used == 0


def test_what_comes_at_once_is_looked_at_by_and_by(monkeypatch):
    monkeypatch.setattr(connection, "WORK_AT_ONCE", 2 * Echo.weight)
    wires = Wires()
    for number in range(1, 11, 2):
        wires.client.send_headers(number, HEAD)
        wires.client.send_data(number, messages.pack(b"%d" % number), end_stream=True)
    wires.server.receive(wires.client.data_to_send())
    assert len(wires.calls) == 2
    behind = [wires.server.is_behind]
    wires.client.ping(b"12345678")
    wires.server.receive(wires.client.data_to_send())
    wires.exchange()
    assert [*behind, wires.server.is_behind] == [True, False]
    assert [wires.answer(number)[0] for number in range(1, 11, 2)] == [[b"%d" % n] for n in range(1, 11, 2)]
    assert any(isinstance(event, h2.events.PingAckReceived) for event in wires.events)


def test_who_takes_calls_back_again_and_again_may_begin_no_more_for_a_while(monkeypatch):
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    monkeypatch.setattr(resets, "BURST", 4 * Keep.weight)
    monkeypatch.setattr(resets, "PER_S", Keep.weight)
    wires = Wires(Keep)
    answered = wires.ask(b"x")
    for _ in range(10):
        number = wires.client.get_next_available_stream_id()
        wires.client.send_headers(number, HEAD)
        wires.exchange()
        if not wires.heard(number, h2.events.StreamReset):
            wires.client.reset_stream(number)
            wires.exchange()
    assert len(wires.calls) == 1 + 5
    (refusal,) = wires.heard(number, h2.events.StreamReset)
    assert refusal.error_code == frames.Code.REFUSED_STREAM
    assert not wires.calls[0].is_cancelled
    assert not wires.heard(answered, h2.events.StreamReset)
    now_s += 6
    wires.ask(b"x")
    assert len(wires.calls) == 1 + 6


def test_who_goes_on_and_on_with_it_is_sent_away(monkeypatch):
    monkeypatch.setattr(resets, "BURST", Keep.weight)
    monkeypatch.setattr(resets, "MOST", 4 * Keep.weight)
    wires = Wires(Keep)
    for number in range(1, 41, 2):
        wires.client.send_headers(number, HEAD)
        wires.client.reset_stream(number)
    wires.exchange()
    (end,) = [event for event in wires.events if isinstance(event, h2.events.ConnectionTerminated)]
    assert end.error_code == frames.Code.ENHANCE_YOUR_CALM
    assert wires.server.is_over


def test_a_stream_of_small_messages_is_never_slow_though_each_look_finds_it_amid_one():
    wires = Wires(Keep)
    steady = wires.ask(ends=False)
    whole = messages.pack(b"x" * 1000)
    for _ in range(2 * stream.SLOW_LOOKS):
        wires.say(steady, whole[:500])
        wires.server.look()
        wires.say(steady, whole[500:])
    assert not wires.calls[0].is_cancelled
    assert len(wires.calls[0].messages) == 2 * stream.SLOW_LOOKS
