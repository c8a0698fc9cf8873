"""Whatever bytes come: a connection ends with a reason, or goes on; it never fails, and never keeps more than it may."""

from __future__ import annotations

import time
from unittest import mock

import hypothesis
import pytest
from hypothesis import strategies as st

from bessemer_server.rpc.http2 import connection, frames, framing, headers
from bessemer_server.rpc.http2.frames import Code
from bessemer_server.rpc.http2.stream import Stream
from tests.unit.rpc.http2.wires import HEAD, Keep, Wires, cut

BEGIN = frames.PREFACE + frames.settings({})
BLOCK = headers.encode(HEAD)
OPEN = frames.frame(frames.HEADERS, frames.END_HEADERS, 1, BLOCK)
MESSAGE = frames.frame(frames.DATA, 0, 1, b"\0\0\0\0\3abc")


def head(*changes: tuple[str, str], without: str = "") -> bytes:
    fields = [field for field in HEAD if field[0] != without]
    return frames.frame(frames.HEADERS, frames.END_HEADERS, 1, headers.encode([*fields, *changes]))


def setting(name: int, value: int) -> bytes:
    return frames.frame(frames.SETTINGS, 0, 0, name.to_bytes(2, "big") + value.to_bytes(4, "big"))


ENDS = {
    "http/1": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", Code.PROTOCOL_ERROR),
    "no settings": (frames.PREFACE + OPEN, Code.PROTOCOL_ERROR),
    "data of no stream": (BEGIN + MESSAGE, Code.PROTOCOL_ERROR),
    "data of stream 0": (BEGIN + frames.frame(frames.DATA, 0, 0, b"x"), Code.PROTOCOL_ERROR),
    "an even stream": (BEGIN + frames.frame(frames.HEADERS, frames.END_HEADERS, 2, BLOCK), Code.PROTOCOL_ERROR),
    "reset of no stream": (BEGIN + frames.reset(9, Code.CANCEL), Code.PROTOCOL_ERROR),
    "window of no stream": (BEGIN + frames.window_update(9, 1), Code.PROTOCOL_ERROR),
    "window by nothing": (BEGIN + frames.window_update(0, 0), Code.PROTOCOL_ERROR),
    "window too wide": (BEGIN + frames.window_update(0, frames.MAX_WINDOW), Code.FLOW_CONTROL_ERROR),
    "a push": (BEGIN + frames.frame(frames.PUSH_PROMISE, 0, 1, bytes(8)), Code.PROTOCOL_ERROR),
    "a short ping": (BEGIN + frames.frame(frames.PING, 0, 0, b"1"), Code.FRAME_SIZE_ERROR),
    "a ping of a stream": (BEGIN + frames.frame(frames.PING, 0, 1, bytes(8)), Code.PROTOCOL_ERROR),
    "broken settings": (BEGIN + frames.frame(frames.SETTINGS, 0, 0, b"123"), Code.FRAME_SIZE_ERROR),
    "settings of a stream": (BEGIN + frames.frame(frames.SETTINGS, 0, 1), Code.PROTOCOL_ERROR),
    "a first window too wide": (BEGIN + setting(4, 2**31), Code.FLOW_CONTROL_ERROR),
    "a first window that widens one too far": (
        BEGIN + OPEN + frames.window_update(1, 2**31 - 1 - 65_535) + setting(4, 2**31 - 1),
        Code.FLOW_CONTROL_ERROR,
    ),
    "frames too small": (BEGIN + setting(5, 100), Code.PROTOCOL_ERROR),
    "a frame too large": (BEGIN + frames.head(framing.DATA_BYTES + 1, frames.DATA, 0, 1), Code.FRAME_SIZE_ERROR),
    "a head too large": (
        BEGIN + frames.head(framing.HEAD_BYTES + 1, frames.HEADERS, 0, 1),
        Code.FRAME_SIZE_ERROR,
    ),
    "a head that is no hpack": (
        BEGIN + frames.frame(frames.HEADERS, frames.END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff"),
        Code.COMPRESSION_ERROR,
    ),
    "index 0": (BEGIN + frames.frame(frames.HEADERS, frames.END_HEADERS, 1, b"\x80"), Code.COMPRESSION_ERROR),
    "a bomb of indices": (
        BEGIN + frames.frame(frames.HEADERS, frames.END_HEADERS, 1, b"\x40\x01a\x7f\xa1\x1e" + b"b" * 4000 + b"\xbe" * 50_000),
        Code.ENHANCE_YOUR_CALM,
    ),
    "a head of twice what a call may have": (
        BEGIN + frames.frame(frames.HEADERS, frames.END_HEADERS, 1, b"\x40\x01a\x7f\xa1\x1e" + b"b" * 4000 + b"\xbe" * 32),
        Code.ENHANCE_YOUR_CALM,
    ),
    "a head without end": (
        BEGIN
        + frames.frame(frames.HEADERS, 0, 1, BLOCK)
        + frames.frame(frames.CONTINUATION, 0, 1, bytes(16_000)) * 17,
        Code.ENHANCE_YOUR_CALM,
    ),
    "empty continuations": (
        BEGIN + frames.frame(frames.HEADERS, 0, 1, BLOCK) + frames.frame(frames.CONTINUATION, 0, 1),
        Code.ENHANCE_YOUR_CALM,
    ),
    "a head that is interrupted": (BEGIN + frames.frame(frames.HEADERS, 0, 1, BLOCK) + OPEN, Code.PROTOCOL_ERROR),
    "a continuation of another": (
        BEGIN + frames.frame(frames.HEADERS, 0, 1, BLOCK) + frames.frame(frames.CONTINUATION, 4, 3, b"x"),
        Code.PROTOCOL_ERROR,
    ),
    "a continuation of nothing": (BEGIN + frames.frame(frames.CONTINUATION, 4, 1, BLOCK), Code.PROTOCOL_ERROR),
    "more padding than data": (BEGIN + OPEN + frames.frame(frames.DATA, frames.PADDED, 1, b"\x09abc"), Code.PROTOCOL_ERROR),
    "padding of nothing": (BEGIN + OPEN + frames.frame(frames.DATA, frames.PADDED, 1), Code.PROTOCOL_ERROR),
    "priority of nothing": (BEGIN + frames.frame(frames.PRIORITY, 0, 0, bytes(5)), Code.PROTOCOL_ERROR),
    "an end on a stream": (BEGIN + frames.frame(frames.GOAWAY, 0, 1, bytes(8)), Code.PROTOCOL_ERROR),
}  # fmt: skip


def read_code(said: bytes) -> int | None:
    """The code with which a connection ended; None where it did not."""
    for frame in framing.Framing().read(BEGIN + said):
        if frame.kind == frames.GOAWAY:
            return int.from_bytes(frame.payload[4:8], "big")
    return None


@pytest.mark.parametrize("name", ENDS)
def test_who_breaks_the_protocol_is_told_how_and_hung_up_on(name):
    data, code = ENDS[name]
    wires = Wires(Keep)
    wires.server.receive(data)
    assert wires.server.is_over
    assert read_code(wires.server.take()) == code
    assert wires.server.is_idle
    assert wires.budget.used == 0


RESETS = {
    "no path": (head(without=":path"), Code.PROTOCOL_ERROR),
    "a name of letters that there are not": (
        frames.frame(frames.HEADERS, frames.END_HEADERS, 1, BLOCK + b"\0\1\xe9\1x"),
        Code.PROTOCOL_ERROR,
    ),
    "a name in capitals": (head(("Upper", "x")), Code.PROTOCOL_ERROR),
    "a head of HTTP/1": (head(("connection", "close")), Code.PROTOCOL_ERROR),
    "a value of two lines": (head(("x", "a\r\nb: c")), Code.PROTOCOL_ERROR),
    "a head of more than a call may have": (head(("x", "y" * 100_000)), Code.ENHANCE_YOUR_CALM),
    "a pseudo head behind others": (head((":path", "/x")), Code.PROTOCOL_ERROR),
    "an unknown pseudo head": (head((":status", "200")), Code.PROTOCOL_ERROR),
    "a second head": (OPEN + OPEN, Code.PROTOCOL_ERROR),
    "data behind the end": (
        OPEN + frames.frame(frames.DATA, frames.END_STREAM, 1, b"\0\0\0\0\0") + MESSAGE,
        Code.STREAM_CLOSED,
    ),
    "a window by nothing": (OPEN + frames.window_update(1, 0), Code.PROTOCOL_ERROR),
    "a window too wide": (OPEN + frames.window_update(1, frames.MAX_WINDOW), Code.FLOW_CONTROL_ERROR),
    "a short priority": (OPEN + frames.frame(frames.PRIORITY, 0, 1, b"x"), Code.FRAME_SIZE_ERROR),
    "more data than the window": (
        OPEN + frames.frame(frames.DATA, 0, 1, (b"\0\0\0\xff\xfb" + bytes(65_531)) * 16) + MESSAGE,
        Code.FLOW_CONTROL_ERROR,
    ),
}


@pytest.mark.parametrize("name", RESETS)
def test_a_stream_that_breaks_the_protocol_ends_alone(name):
    class Lazy(Keep):
        def receive(self, message: bytes) -> None:
            self.messages.append(message)

    data, code = RESETS[name]
    wires = Wires(Lazy)
    wires.server.receive(BEGIN + data)
    assert wires.server.take().endswith(frames.reset(1, code))
    assert not wires.server.is_over
    assert wires.server.is_idle
    wires.server.receive(frames.frame(frames.HEADERS, frames.END_HEADERS, 3, BLOCK))
    assert wires.calls[-1].stream.id == 3
    assert wires.budget.used == 0


@hypothesis.given(st.binary(max_size=300))
def test_any_bytes_behind_a_sound_beginning_are_survived(data):
    wires = Wires(Keep)
    wires.server.receive(BEGIN + OPEN)
    wires.server.receive(data)
    wires.server.lose()
    assert wires.server.is_idle
    assert wires.budget.used == 0


@hypothesis.given(
    st.lists(
        st.tuples(
            st.integers(0, 12),
            st.integers(0, 255),
            st.sampled_from([0, 1, 2, 3, 5, 7]),
            st.binary(max_size=40),
        ),
        max_size=30,
    )
)
def test_any_frames_are_survived(sent):
    wires = Wires(Keep)
    wires.server.receive(BEGIN + OPEN)
    for kind, flags, stream, payload in sent:
        wires.server.receive(frames.frame(kind, flags, stream, payload))
        for call in wires.calls:
            call.stream.send(b"x")
    wires.server.lose()
    assert wires.server.is_idle
    assert wires.budget.used == 0


@hypothesis.given(st.data())
def test_a_sound_conversation_with_a_changed_byte_is_survived(data):
    wires = Wires()
    wires.ask(b"hello" * 20)
    sent = bytearray(BEGIN + OPEN + MESSAGE + frames.frame(frames.DATA, frames.END_STREAM, 1, b""))
    place = data.draw(st.integers(0, len(sent) - 1))
    sent[place] = data.draw(st.integers(0, 255))
    other = Wires()
    other.server.receive(bytes(sent))
    other.server.lose()
    assert other.server.is_idle
    assert other.budget.used == 0


@pytest.mark.parametrize("frame", [frames.window_update(0, 1), setting(4, 0) + setting(4, 1)])
def test_a_flood_of_windows_does_not_look_at_every_stream_each_time(frame):
    """With as many streams as are allowed, a quarter of a MiB of these frames would hold up every other client for minutes."""
    wires = Wires()
    wires.server.receive(BEGIN + setting(4, 0) + OPEN + MESSAGE + frames.frame(frames.DATA, 1, 1))
    with (
        mock.patch.object(Stream, "flush", autospec=True, side_effect=Stream.flush) as flush,
        mock.patch.object(Stream, "widen", autospec=True, side_effect=Stream.widen) as widen,
    ):
        wires.server.receive(frame * 1000)
    assert flush.call_count <= 1
    assert widen.call_count <= 1


def test_a_frame_in_small_pieces_is_not_copied_for_each():
    """Sent byte by byte, it would cost a client little and the server hours."""
    wires = Wires(Keep)
    wires.server.receive(BEGIN + OPEN)
    begun_s = time.process_time()
    for piece in cut(frames.frame(frames.HEADERS, 0, 3, bytes(framing.HEAD_BYTES)), 1):
        wires.server.receive(piece)
    assert time.process_time() - begun_s < 1.5
    assert not wires.server.is_over


def test_data_that_is_padded_is_counted_as_it_comes():
    """Were it kept until its frame is whole, each connection would hold a MiB that is in no account."""
    wires = Wires(Keep)
    wires.server.receive(BEGIN + OPEN)
    wires.server.receive(frames.head(framing.DATA_BYTES, frames.DATA, frames.PADDED, 1) + b"\xff")
    for piece in cut(b"\0\x01\0\0\0" + bytes(500_000), 1000):
        wires.server.receive(piece)
    assert wires.budget.used == 500_005


def test_messages_behind_the_one_that_ends_a_call_are_not_held():
    class Hasty(Keep):
        def receive(self, message: bytes) -> None:
            super().receive(message)
            self.stream.finish(8, "enough")

    wires = Wires(Hasty)
    wires.server.receive(BEGIN + OPEN + frames.frame(frames.DATA, 0, 1, b"\0\0\0\0\1a" * 1000))
    assert wires.calls[0].messages == [b"a"]
    assert wires.server.is_idle
    assert wires.budget.used == 0


def test_a_value_that_is_no_text_is_nobodys_end():
    wires = Wires()
    block = BLOCK + b"\0\1x\1\xe9"
    wires.server.receive(BEGIN + frames.frame(frames.HEADERS, frames.END_HEADERS, 1, block))
    wires.server.receive(frames.frame(frames.DATA, frames.END_STREAM, 1, b"\0\0\0\0\3abc"))
    assert wires.calls[0].messages == [b"abc"]
    assert not wires.server.is_over


def test_what_a_flood_makes_the_server_say_is_as_long_as_what_came():
    """So that who does not read is stopped by the pause of its own connection."""
    wires = Wires(Keep)
    wires.server.receive(BEGIN)
    wires.server.take()
    flood = frames.frame(frames.PING, 0, 0, bytes(8)) * 1000 + frames.settings({}) * 1000
    wires.server.receive(flood)
    assert len(wires.server.take()) <= len(flood)
    assert connection.MAX_STREAMS < 10_000
