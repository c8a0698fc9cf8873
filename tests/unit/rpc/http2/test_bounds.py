"""What one client may leave undone, and make the others wait for."""

from __future__ import annotations

import time

import h2.events
import h2.settings
import pytest

from bessemer_server.rpc.http2 import connection, frames, messages, resets, stream, unread, waiting
from bessemer_server.rpc.http2.stream import Stream
from tests.unit.rpc.http2.wires import HEAD, Echo, Keep, Wires

SMALL = h2.settings.SettingCodes.INITIAL_WINDOW_SIZE


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
