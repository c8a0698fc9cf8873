"""What goes on a stream: messages, and the end behind them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Protocol

from bessemer_server.rpc.http2 import frames, headers, messages
from bessemer_server.rpc.http2.frames import Code, StreamFault


class Line(Protocol):
    """What is needed of the connection."""

    their_window: int
    """What the client takes on each stream before it says more. It may change, for those that are there too."""

    def count_unread(self, more: int) -> None:
        """So many bytes more, or less, are unread."""

    def emit(self, data: bytes) -> None:
        """Send these frames."""

    @property
    def room(self) -> int:
        """How many bytes of data the connection takes now, in one frame."""

    def spend(self, size: int) -> None:
        """So many of them go."""


class Outgoing:
    """Keeps what there is no room for, be it on the stream or on the connection."""

    __slots__ = ("_end", "_extra", "_is_begun", "_line", "_number", "_pieces", "has_end", "pending_bytes")

    def __init__(self, number: int, line: Line) -> None:
        """`number`: of the stream."""
        self._number = number
        self._line = line
        self._extra = 0
        """Bytes that the client takes beyond `their_window`; below 0 where some went."""
        self._pieces: deque[memoryview] = deque()
        self.pending_bytes = 0
        """What was added and has not gone."""
        self._is_begun = False
        self._end = b""
        self.has_end = False
        """Whether it was said how the stream ends."""

    @property
    def waits_for_line(self) -> bool:
        """Whether something is pending that the client takes on this stream."""
        return bool(self._pieces) and self._window > 0

    @property
    def _window(self) -> int:
        return self._line.their_window + self._extra

    def has_room(self, message: bytes) -> bool:
        """Whether this message can go now, as a whole."""
        size = len(message) + messages.PREFIX.size
        return not self._pieces and size <= self._window and size <= self._line.room

    def answer(self, message: bytes) -> bool:
        """Send the only message and the end, if there is room for them; whether there was."""
        line, size = self._line, len(message) + messages.PREFIX.size
        if self._is_begun or size > line.their_window + self._extra or size > line.room:
            return False
        line.spend(size)
        line.emit(_join_answer(self._number, size, message))
        return True

    def add(self, message: bytes) -> None:
        """Send this when there is room."""
        if not self._is_begun:
            self._is_begun = True
            self._line.emit(frames.frame(frames.HEADERS, frames.END_HEADERS, self._number, headers.BEGIN))
        self._pieces.append(memoryview(messages.pack(message)))
        self._count(len(message) + messages.PREFIX.size)

    def end(self, code: int, text: str, metadata: Iterable[tuple[Any, Any]]) -> None:
        """The end, after all that was added."""
        ending = headers.end if self._is_begun else headers.begin_and_end
        self._end, self.has_end = ending(code, text, list(metadata)), True

    def reject(self, status: int) -> None:
        """An end of HTTP alone."""
        self._end, self.has_end = headers.http_error(status), True

    def widen(self, count: int) -> None:
        """The client takes so many bytes more. Raises `StreamFault`, also where a changed setting has made them too many."""
        self._extra += count
        if self._window > frames.MAX_WINDOW:
            raise StreamFault(Code.FLOW_CONTROL_ERROR, "a window beyond 2^31 - 1")

    def flush(self) -> bool:
        """Send what there is room for. Whether everything has gone, the end too."""
        while self._pieces and self._send_piece():
            pass
        if self._pieces or not self.has_end:
            return False
        flags = frames.END_HEADERS | frames.END_STREAM
        self._line.emit(frames.frame(frames.HEADERS, flags, self._number, self._end))
        return True

    def _send_piece(self) -> bool:
        piece = self._pieces[0]
        size = min(len(piece), self._window, self._line.room)
        if size <= 0:
            return False
        self._line.spend(size)
        self._line.emit(frames.head(size, frames.DATA, 0, self._number) + bytes(piece[:size]))
        self._extra -= size
        self._count(-size)
        if size == len(piece):
            self._pieces.popleft()
        else:
            self._pieces[0] = piece[size:]
        return True

    def _count(self, more: int) -> None:
        self.pending_bytes += more
        self._line.count_unread(more)

    def clear(self) -> None:
        """Nothing goes any more."""
        if self._pieces:
            self._pieces.clear()
            self._count(-self.pending_bytes)


def _cut(frame: bytes) -> tuple[bytes, bytes]:
    """What stands before the number of its stream, and behind."""
    return frame[:5], frame[9:]


_BEGIN = _cut(frames.frame(frames.HEADERS, frames.END_HEADERS, 0, headers.BEGIN))
_OK = _cut(frames.frame(frames.HEADERS, frames.END_HEADERS | frames.END_STREAM, 0, headers.OK))


def _join_answer(number: int, size: int, message: bytes) -> bytes:
    """All frames of an answer whose message takes so many bytes with its length."""
    stream = number.to_bytes(4, "big")
    pieces = (_BEGIN[0], stream, _BEGIN[1], frames.head(size, frames.DATA, 0, number))
    return b"".join((*pieces, messages.PREFIX.pack(0, len(message)), message, _OK[0], stream, _OK[1]))
