"""HTTP/2 of one connection of a server, without I/O: RFC 9113.

What no gRPC client does is not there: pushes, priorities, trailers of requests that say anything, upgrades from HTTP/1. What a
hostile one does is bounded: heads by their bytes, streams by their number, data by windows, and what it makes this side send by
its reading (`pause`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from bessemer_server.rpc.http2 import decoding, frames, framing, headers, messages, resets, unread, waiting
from bessemer_server.rpc.http2.frames import Code, ConnectionFault, Setting, StreamFault
from bessemer_server.rpc.http2.framing import Frame
from bessemer_server.rpc.http2.stream import Call, Refuse, Stream

MAX_STREAMS = 4096
WINDOW = 16 << 20
"""Of the connection; what comes is given back at once, since each stream has a window of its own."""
STREAM_WINDOW = 1 << 20
MAX_PIECE_BYTES = 64 << 10
"""Of data that is sent in one frame, whatever the client would take."""
OURS = {
    Setting.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
    Setting.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
    Setting.MAX_FRAME_SIZE: framing.DATA_BYTES,
    Setting.MAX_HEADER_LIST_SIZE: headers.MAX_LIST_BYTES,
}
LARGEST_FRAME_SETTING = 2**24 - 1
WORK_AT_ONCE = 1024
"""Frames that are looked at before others have their turn, of those that came together; to begin a call counts as many as its weight."""
STALLED_LOOKS = 4
"""So often a client may be found not to have read anything, though something is there for it: see `look`."""

Accept = Callable[[Stream], Call]
"""Who answers a new stream."""


class Connection:
    """Bytes go in by `receive` and come out by `take`; `wake` is called when there is something to take."""

    first_window = STREAM_WINDOW

    def __init__(
        self,
        accept: Accept,
        refuse: Refuse,
        budget: messages.Budget,
        wake: Callable[[], None],
        later: Callable[[Callable[[], None]], None],
        *,
        left: unread.Unread | None = None,
    ) -> None:
        """`wake` is also called when more may come again; `later`: see `stream.Line`; `left`: what all clients leave unread."""
        self._accept = accept
        self.refuse = refuse
        self.budget = budget
        self._wake = wake
        self.later = later
        self._framing = framing.Framing()
        self._readers = {
            frames.PRIORITY: self._read_priority,
            frames.RST_STREAM: self._read_reset,
            frames.SETTINGS: self._read_settings,
            frames.PUSH_PROMISE: self._read_push,
            frames.PING: self._read_ping,
            frames.GOAWAY: self._read_goaway,
            frames.WINDOW_UPDATE: self._read_window_update,
        }
        self._decoder = decoding.Decoder()
        self._streams: dict[int, Stream] = {}
        self._resets = resets.Resets()
        self._waiting = waiting.Waiting(lambda: self.room > 0, later)
        self._last = 0
        self._is_going = False
        self._is_paused = False
        self.is_over = False
        """Nothing more is to be said once what there is was taken."""
        self._out: list[bytes] = []
        self._in_window = WINDOW
        self._owed = 0
        self._out_window = frames.FIRST_WINDOW
        self.their_window = frames.FIRST_WINDOW
        self.unread = 0
        self._left = left or unread.Unread()
        self._sent = self._sent_before = 0
        """Bytes of data, now and at the last look."""
        self._stalled_looks = 0
        self._work = 0
        self._rest: Iterator[Frame] | None = None
        """Of what has come, what was not looked at yet."""
        self._gathers = False
        """Whether what is answered at once goes out together, later."""
        self._has_other_windows = False
        self._has_more_room = False
        self._their_frame_bytes = frames.FIRST_FRAME_BYTES
        self.emit(frames.settings(OURS) + frames.window_update(0, WINDOW - frames.FIRST_WINDOW))

    @property
    def is_set(self) -> bool:
        """Whether the client has begun as it must."""
        return self._framing.is_set

    @property
    def is_idle(self) -> bool:
        """Whether no call is under way."""
        return not self._streams

    def take(self) -> bytes:
        """What is to be sent now."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    @property
    def is_behind(self) -> bool:
        """Whether some of what has come was not looked at yet: until then nothing more shall come."""
        return self._rest is not None

    def look(self) -> bool:
        """To be called every `stream.LOOK_S`: ends calls whose clients do not go on with them. Whether the client has read nothing for
        too long.
        """
        for stream in list(self._streams.values()):
            stream.look()
        is_stalled = (self.unread > 0 or self._is_paused) and self._sent == self._sent_before
        self._stalled_looks = self._stalled_looks + 1 if is_stalled else 0
        self._sent_before = self._sent
        return self._stalled_looks >= STALLED_LOOKS

    def lose(self) -> None:
        """The client is gone."""
        self.is_over = True
        for stream in list(self._streams.values()):
            self._cancel(stream)

    def shut_down(self) -> None:
        """Take no new calls; over when those under way are."""
        if not self._is_going and not self.is_over:
            self._is_going = True
            self.emit(frames.goaway(self._last, Code.NO_ERROR))
            self._check_end()

    def pause(self) -> None:
        """The client does not read: keep data."""
        self._is_paused = True

    def resume(self) -> None:
        """It does again."""
        self._is_paused = False
        self._waiting.flush()

    # What streams need: see `stream.Line`.

    def emit(self, data: bytes) -> None:
        """Send these frames."""
        self._out.append(data)
        if not self._gathers:
            self._wake()

    @property
    def room(self) -> int:
        """How many bytes of data can go now, in one frame."""
        return 0 if self._is_paused else min(self._out_window, self._their_frame_bytes)

    @property
    def may_leave_more(self) -> bool:
        """Whether the client may leave more unread."""
        return self.unread < unread.CONNECTION_BYTES and not self._left.is_full

    def count_unread(self, more: int) -> None:
        """So many bytes more, or less, are."""
        self.unread += more
        self._left.used += more

    def spend(self, size: int) -> None:
        """So many go."""
        self._out_window -= size
        self._sent += size

    def wait(self, stream: Stream) -> None:
        """Until there is room again."""
        self._waiting.add(stream)

    def close(self, stream: Stream) -> None:
        """It is over."""
        self._streams.pop(stream.id, None)
        self._waiting.discard(stream)
        self._check_end()

    def _check_end(self) -> None:
        if self._is_going and not self._streams:
            self.is_over = True
            self._wake()

    # What comes.

    def receive(self, chunk: bytes) -> None:
        """Bytes of the client."""
        if self.is_over:
            return
        came = self._framing.read(chunk)
        if self._rest is not None:
            self._rest = itertools.chain(self._rest, came)
        else:
            self._go_on(came)

    def _go_on(self, came: Iterator[Frame]) -> None:
        self._work, self._gathers = 0, True
        try:
            self._rest = came if self._look_at(came) else None
            self._settle()
        except ConnectionFault as fault:
            self._rest = None
            self.emit(frames.goaway(self._last, fault.code, fault.text))
            self.lose()
        finally:
            self._gathers = False
        if self._rest is not None:
            self.later(self._catch_up)

    def _look_at(self, came: Iterator[Frame]) -> bool:
        """What has come, as far as it is not too much at once; whether that was so."""
        for frame in came:
            self._dispatch(frame)
            self._work += 1
            if self._work >= WORK_AT_ONCE:
                return True
        return False

    def _catch_up(self) -> None:
        if self._rest is not None and not self.is_over:
            self._go_on(self._rest)
        self._wake()

    def _settle(self) -> None:
        """What concerns every stream, once for all frames that came together: thousands of them cost a client nothing."""
        if self._has_other_windows:
            self._has_other_windows = False
            self._change_windows()
        if self._has_more_room:
            self._has_more_room = False
            self._waiting.flush()

    def _dispatch(self, frame: Frame) -> None:
        try:
            if frame.kind == frames.DATA:
                self._read_data(frame)
            elif frame.kind == frames.HEADERS:
                self._open(frame.stream, frame.flags, bytes(frame.payload))
            elif reader := self._readers.get(frame.kind):
                reader(frame.stream, frame.flags, bytes(frame.payload))
        except StreamFault as fault:
            self._reset(frame.stream, fault.code)

    def _read_data(self, frame: Frame) -> None:
        if not frame.stream or frame.stream > self._last:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "data of a stream that was never opened")
        self._count(frame.counted)
        stream = self._streams.get(frame.stream)
        if stream is None:
            return  # it was answered already, and the client did not know
        stream.receive(frame.payload, frame.counted)
        if frame.flags & frames.END_STREAM:
            stream.receive_end()

    def _count(self, size: int) -> None:
        self._in_window -= size
        if self._in_window < 0:
            raise ConnectionFault(Code.FLOW_CONTROL_ERROR, "more data than the connection's window allows")
        self._owed += size
        if self._owed >= WINDOW // 2:
            self._in_window += self._owed
            self.emit(frames.window_update(0, self._owed))
            self._owed = 0

    # Heads.

    def _open(self, number: int, flags: int, block: bytes) -> None:
        if not number & 1:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "clients open odd streams")
        stream = self._streams.get(number)
        if stream is not None or number <= self._last:
            self._decoder.skip(block)
            self._read_trailers(stream, flags)
            return
        self._last = number
        head = self._decoder.decode(block)
        if self._resets.are_too_many:
            self._refuse_begun()
        if self._is_going or len(self._streams) >= MAX_STREAMS:
            raise StreamFault(Code.REFUSED_STREAM, "no more streams")
        stream = Stream(number, head, self)
        self._streams[number] = stream
        if head.method != "POST" or not headers.CONTENT_TYPES.fullmatch(head.content_type):
            stream.received_all = bool(flags & frames.END_STREAM)
            stream.reject(405 if head.method != "POST" else 415)
            return
        stream.call = self._accept(stream)
        self._work += stream.call.weight
        if flags & frames.END_STREAM:
            stream.receive_end()

    def _refuse_begun(self) -> None:
        """A call of a client that takes so many back."""
        self._work += resets.REFUSED_WEIGHT
        self._resets.add(resets.REFUSED_WEIGHT)
        if self._resets.are_beyond_measure:
            raise ConnectionFault(Code.ENHANCE_YOUR_CALM, "too many calls are begun and taken back")
        raise StreamFault(Code.REFUSED_STREAM, "too many calls were taken back")

    def _read_trailers(self, stream: Stream | None, flags: int) -> None:
        """They end a request, and say nothing in gRPC."""
        if stream is None:
            return  # it was answered already, and the client did not know
        if not flags & frames.END_STREAM or stream.received_all:
            raise StreamFault(Code.PROTOCOL_ERROR, "a second head")
        stream.receive_end()

    # Control.

    def _read_settings(self, number: int, flags: int, payload: bytes) -> None:
        if number:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "settings of one stream")
        if flags & frames.ACK:
            return
        for name, value in frames.read_settings(payload):
            if name == Setting.INITIAL_WINDOW_SIZE:
                self._set_window(value)
            elif name == Setting.MAX_FRAME_SIZE:
                if not frames.FIRST_FRAME_BYTES <= value <= LARGEST_FRAME_SETTING:
                    raise ConnectionFault(Code.PROTOCOL_ERROR, f"frames of {value} bytes")
                self._their_frame_bytes = min(value, MAX_PIECE_BYTES)
        self.emit(frames.frame(frames.SETTINGS, frames.ACK, 0))

    def _set_window(self, value: int) -> None:
        if value > frames.MAX_WINDOW:
            raise ConnectionFault(Code.FLOW_CONTROL_ERROR, "a window beyond 2^31 - 1")
        if value != self.their_window:
            self.their_window = value
            self._has_other_windows = self._has_more_room = True

    def _change_windows(self) -> None:
        """Of every stream, by as much."""
        for stream in self._streams.values():
            try:
                stream.widen(0)
            except StreamFault as fault:
                raise ConnectionFault(fault.code, fault.text) from fault
            if stream.pending_bytes:
                self._waiting.add(stream)

    def _read_window_update(self, number: int, flags: int, payload: bytes) -> None:
        count = frames.read_word(payload) & frames.STREAM_MASK
        if number:
            self._widen_stream(number, count)
            return
        self._out_window += count
        if not count or self._out_window > frames.MAX_WINDOW:
            raise ConnectionFault(Code.FLOW_CONTROL_ERROR if count else Code.PROTOCOL_ERROR, "no such window")
        self._has_more_room = True

    def _widen_stream(self, number: int, count: int) -> None:
        if number > self._last:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "a window of a stream that was never opened")
        stream = self._streams.get(number)
        if stream is None:
            return
        if not count:
            raise StreamFault(Code.PROTOCOL_ERROR, "a window that grows by nothing")
        stream.widen(count)
        stream.flush()

    def _read_reset(self, number: int, flags: int, payload: bytes) -> None:
        frames.read_word(payload)
        if not number or number > self._last:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "the end of a stream that was never opened")
        if stream := self._streams.get(number):
            self._resets.add(stream.call.weight)
            self._cancel(stream)

    def _read_ping(self, number: int, flags: int, payload: bytes) -> None:
        if number or len(payload) != 8:
            raise ConnectionFault(
                Code.PROTOCOL_ERROR if number else Code.FRAME_SIZE_ERROR, "no ping is like this"
            )
        if not flags & frames.ACK:
            self.emit(frames.frame(frames.PING, frames.ACK, 0, payload))

    def _read_goaway(self, number: int, flags: int, payload: bytes) -> None:
        """The client opens no more streams; those there are go on."""
        if number:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "the end of a connection, on a stream")

    def _read_push(self, number: int, flags: int, payload: bytes) -> None:
        raise ConnectionFault(Code.PROTOCOL_ERROR, "clients do not push")

    def _read_priority(self, number: int, flags: int, payload: bytes) -> None:
        """Deprecated; its form still counts."""
        if not number:
            raise ConnectionFault(Code.PROTOCOL_ERROR, "priority of no stream")
        if len(payload) != 5:
            raise StreamFault(Code.FRAME_SIZE_ERROR, "priority of a broken length")

    # The end of streams.

    def _reset(self, number: int, code: Code) -> None:
        self.emit(frames.reset(number, code))
        if stream := self._streams.get(number):
            self._cancel(stream)

    def _cancel(self, stream: Stream) -> None:
        stream.abandon()
        self.close(stream)
        stream.call.cancel()
        stream.let_go()
