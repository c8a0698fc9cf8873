"""Compressed messages, a piece at a time: whoever else calls waits for a piece, and not for a whole message."""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable

from bessemer_server.domain import errors

WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
"""By encoding."""
MAX_BYTES = 64 << 20
"""Of a message that was compressed: so few that send them become so many."""
FIRST_BYTES = 16 << 10
"""What becomes no more than so much is inflated when it comes."""
PIECE_BYTES = 256 << 10
"""Takes half a millisecond, or one."""
GIVEN_BYTES = 64 << 10
"""Of the compressed message, for one piece."""


class Inflating:
    """A message that was compressed. What it becomes is taken from the budget as it does, so that a bomb ends where that ends."""

    def __init__(self, message: bytes, encoding: str, take: Callable[[int], None]) -> None:
        """`take`: so many bytes more are held. Raises `ResourceExhausted`."""
        self._encoding = encoding
        self._inflater = zlib.decompressobj(WINDOW_BITS[encoding])
        self._message = memoryview(message)
        self._position = 0
        self._take = take
        self._pieces: list[bytes] = []
        self._size = 0

    def step(self) -> bytes | None:
        """Inflate a piece; the message when it was the last one. Raises `InvalidArgument`, `ResourceExhausted`."""
        given = self._inflater.unconsumed_tail or self._read()
        try:
            piece = self._inflater.decompress(given, PIECE_BYTES if self._size else FIRST_BYTES)
        except zlib.error as error:
            raise errors.InvalidArgument(f"a message is not {self._encoding}: {error}") from error
        if not given and not piece and not self._inflater.eof:
            raise errors.InvalidArgument(f"a message of {self._encoding} is cut off")
        self._size += len(piece)
        if self._size > MAX_BYTES:
            raise too_large(self._size, MAX_BYTES)
        self._take(len(piece))
        self._pieces.append(piece)
        if not self._inflater.eof:
            return None
        if left := len(self._inflater.unused_data) + max(0, len(self._message) - self._position):
            raise errors.InvalidArgument(
                f"{left:,} bytes follow the end of a message of {self._encoding}; send it as one stream"
            )
        return b"".join(self._pieces)

    def _read(self) -> memoryview:
        """Little at a time: what is left over of it is copied, and some bytes become none at all."""
        start = self._position
        self._position += GIVEN_BYTES
        return self._message[start : self._position]


class Turns:
    """Work in small pieces, one in each turn of the loop, however many calls have some."""

    def __init__(self, call_soon: Callable[[Callable[[], None]], object]) -> None:
        self._call_soon = call_soon
        self._waiting: deque[Callable[[], None]] = deque()

    def add(self, piece: Callable[[], None]) -> None:
        """Do it when those before it are done."""
        self._waiting.append(piece)
        if len(self._waiting) == 1:
            self._call_soon(self._do)

    def _do(self) -> None:
        piece = self._waiting.popleft()
        if self._waiting:
            self._call_soon(self._do)
        piece()


def too_large(length: int, limit: int) -> errors.ResourceExhausted:
    """What is said of a message."""
    return errors.ResourceExhausted(
        f"a message has {length:,} bytes or more; {limit:,} are the most: send less at once, as smaller types or as files of images",
        reason="MESSAGE_TOO_LARGE",
    )
