"""One call on a connection: what of it comes, and (`outgoing.py`) what goes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from bessemer_server.domain import errors
from bessemer_server.rpc.http2 import frames, messages, outgoing
from bessemer_server.rpc.http2.frames import Code, StreamFault
from bessemer_server.rpc.http2.headers import Head
from bessemer_server.rpc.http2.inflating import Inflating
from bessemer_server.rpc.http2.outgoing import Outgoing

LOOK_S = 15.0
"""So often each connection is looked at."""
LEAST_BYTES = 60 << 10
"""Of a message that has begun: as many come between two looks, or it is slow."""
SLOW_LOOKS = 4
"""A message that was slow so often is not waited for: what has come of it takes memory from others."""

Refuse = Callable[["Stream", errors.DomainError], None]
"""Ends a stream with an error."""


class Call(Protocol):
    """What a stream tells those who answer it."""

    weight: int
    """The work of beginning it, in frames."""

    def receive(self, message: bytes) -> None:
        """The next message has come. Raises errors of the domain."""

    def end(self) -> None:
        """No further message comes."""

    def cancel(self) -> None:
        """Nobody waits for the answer any more."""

    def drain(self) -> None:
        """What was sent has left the stream."""


class _Nobody:
    """Answers a stream that is no call."""

    weight = 1

    def receive(self, message: bytes) -> None:
        """See `Call`."""

    def end(self) -> None:
        """See `Call`."""

    def cancel(self) -> None:
        """See `Call`."""

    def drain(self) -> None:
        """See `Call`."""


NOBODY = _Nobody()


class Line(outgoing.Line, Protocol):
    """What a stream needs of its connection."""

    first_window: int
    """What a client may send on a new stream before it is told more."""
    budget: messages.Budget
    refuse: Refuse
    unread: int
    """Bytes of answers that the client leaves no room for, of all streams."""

    @property
    def may_leave_more(self) -> bool:
        """Whether it may leave more."""

    def wait(self, stream: Stream) -> None:
        """Have `flush` called when there is room again on the connection."""

    def later(self, piece: Callable[[], None]) -> None:
        """Do a piece of work when others have had their turn."""

    def close(self, stream: Stream) -> None:
        """It is over."""


class Stream:
    """`id` is its number, `call` who answers it."""

    __slots__ = (
        "_advanced", "_arrived", "_line", "_opened_s", "_out", "_reader", "_received", "_slow_looks", "_window", "call", "head", "id",
        "is_over", "received_all",
    )  # fmt: skip

    def __init__(self, number: int, head: Head, line: Line) -> None:
        self.id = number
        self.call: Call = NOBODY
        self.head = head
        self.received_all = False
        self.is_over = False
        self._line = line
        self._reader = messages.Reader(head.encoding, line.budget)
        self._arrived: deque[bytes | Inflating] | None = None
        """Messages behind one that is not inflated yet, and that one."""
        self._window = line.first_window
        self._advanced = 0
        """Bytes that the client was allowed beyond its window, for one message; above 0 they are still to be taken back."""
        self._out = Outgoing(number, line)
        self._opened_s = time.monotonic()
        self._received = 0
        """Bytes since the last look."""
        self._slow_looks = 0

    @property
    def left_s(self) -> float | None:
        """What is left of the time that the client gives, which counts from the head on: None for any, and nothing is 0."""
        timeout_s = self.head.timeout_s
        return None if timeout_s is None else max(0.0, self._opened_s + timeout_s - time.monotonic())

    # What comes.

    def receive(self, data: memoryview, counted: int) -> None:
        """Bytes of its messages; `counted` of its window, padding too. Raises `StreamFault`."""
        if self.received_all:
            raise StreamFault(Code.STREAM_CLOSED, "data after the end of the stream")
        self._received += counted
        self._window -= counted
        if self._window < 0:
            raise StreamFault(Code.FLOW_CONTROL_ERROR, "more data than the window allows")
        if counted != len(data):
            self._grant(counted - len(data))  # padding is used up at once
        if self._out.has_end:
            return  # how it ends was said already
        was_behind = self._arrived is not None
        try:
            for message in self._reader.feed(data):
                self._slow_looks = 0
                if self._arrived is None and isinstance(message, bytes):
                    self.call.receive(message)
                else:
                    self._keep(message)
            if self._arrived and not was_behind:
                self._hand_over()
        except errors.DomainError as error:
            self._fail(error)
            return
        if self._reader.missing > self._window:
            self._allow(self._reader.missing - self._window)

    def receive_end(self) -> None:
        """The client has sent everything."""
        if self.is_over:
            return
        self.received_all = True
        if self._out.has_end:
            return
        if self._reader.is_amid:
            self._fail(errors.InvalidArgument("the stream ends amid a message"))
        elif self._arrived is None:
            self.call.end()

    def look(self) -> None:
        """Every `LOOK_S`: end the call if its client does not go on with it."""
        received, self._received = self._received, 0
        if self.received_all or self.is_over or self._out.has_end:
            return
        self._slow_looks = self._slow_looks + 1 if self._reader.is_amid and received < LEAST_BYTES else 0
        if self.left_s == 0:
            self._fail(errors.DeadlineExceeded("the deadline passed before the whole request had come"))
        elif self._slow_looks >= SLOW_LOOKS:
            text = f"a message was begun, and {LEAST_BYTES:,} bytes of it did not come in {LOOK_S:.0f} s, again and again; send it anew"
            self._fail(errors.Unavailable(text, reason="MESSAGE_STALLED"))

    def _keep(self, message: bytes | Inflating) -> None:
        """Behind those before it."""
        if self.is_over or self._out.has_end:
            return
        if self._arrived is None:
            self._arrived = deque()
        self._arrived.append(message)

    def _hand_over(self) -> None:
        """What has come, in its order; of what is compressed one piece, and then others have their turn."""
        has_stepped = False
        while self._arrived:
            message: bytes | Inflating | None = self._arrived[0]
            if isinstance(message, Inflating):
                message = None if has_stepped else message.step()
                has_stepped = True
            if message is None:
                self._line.later(self._go_on)
                return
            self._arrived.popleft()
            self.call.receive(message)
        self._arrived = None

    def _go_on(self) -> None:
        if self.is_over or self._out.has_end:
            return
        try:
            self._hand_over()
        except errors.DomainError as error:
            self._fail(error)
            return
        if self.received_all and self._arrived is None:
            self.call.end()

    def _fail(self, error: errors.DomainError) -> None:
        call = self.call
        self._line.refuse(self, error)
        call.cancel()

    def consume(self, length: int) -> None:
        """The oldest message, which has this length, is used up: others may come for it."""
        count = self._reader.release(length)
        if self.received_all or self.is_over:
            return
        taken_back = min(count, self._advanced)
        self._advanced -= taken_back
        self._grant(count - taken_back)

    def _allow(self, more: int) -> None:
        """A message that has begun may end, whatever the window."""
        if not self.received_all and not self.is_over:
            self._advanced += more
            self._grant(more)

    def _grant(self, count: int) -> None:
        if count > 0:
            self._window += count
            self._line.emit(frames.window_update(self.id, count))

    # What goes.

    def answer(self, message: bytes) -> None:
        """The only message, and the end."""
        if not self.is_over and self._out.answer(message):
            self._close()
            return
        self.send(message)
        self.finish()

    @property
    def pending_bytes(self) -> int:
        """What was sent and has not left."""
        return self._out.pending_bytes

    def send(self, message: bytes) -> None:
        """The next message."""
        if self.is_over or self._out.has_end:
            return
        if not self._line.may_leave_more and not self._out.has_room(message):
            self._fail(_too_much_unread(self._line.unread))
            return
        self._out.add(message)
        self.flush()

    def finish(self, code: int = 0, text: str = "", metadata: Iterable[tuple[Any, Any]] = ()) -> None:
        """The end, after all that was sent."""
        if self.is_over or self._out.has_end:
            return
        self._out.end(code, text, metadata)
        self.flush()

    def reject(self, status: int) -> None:
        """An answer of HTTP alone, to what is no call."""
        self._out.reject(status)
        self.flush()

    def widen(self, count: int) -> None:
        """See `Outgoing.widen`."""
        self._out.widen(count)

    def flush(self) -> None:
        """Send what there is room for."""
        if self.is_over:
            return
        had = self._out.pending_bytes
        if self._out.flush():
            self._close()
        elif self._out.waits_for_line:
            self._line.wait(self)
        elif had and not self._out.pending_bytes:
            self.call.drain()

    # The end.

    def _close(self) -> None:
        """Everything was answered. A client that still sends is told to leave it."""
        if not self.received_all:
            self._line.emit(frames.reset(self.id, Code.NO_ERROR))
        self.abandon()
        self.let_go()
        self._line.close(self)

    def let_go(self) -> None:
        """Who answers it, and knows it, may go: what each of two holds only the other, Python keeps for a long time, be it a message of
        hundreds of megabytes.
        """
        self.call = NOBODY

    def abandon(self) -> None:
        """Nothing comes and nothing goes any more."""
        self.is_over = True
        self._arrived = None
        self._out.clear()
        self._reader.close()


def _too_much_unread(count: int) -> errors.ResourceExhausted:
    return errors.ResourceExhausted(
        f"{count:,} bytes of answers wait on this connection for the client to read them; ask again when it has",
        reason="ANSWERS_UNREAD",
    )
