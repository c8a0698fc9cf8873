"""Messages of a gRPC stream: a byte that says whether it is compressed, four of length, and so many bytes."""

from __future__ import annotations

import functools
import struct
from collections import deque
from collections.abc import Iterator

from bessemer_server.domain import errors
from bessemer_server.rpc.http2.inflating import WINDOW_BITS, Inflating, too_large

PREFIX = struct.Struct(">BI")
MAX_BYTES = 256 << 20
IDENTITY = "identity"
SMALL_BYTES = 4 << 10
"""Pieces of a message that are smaller are put together when they come: each for itself would take more than its bytes."""
ENCODINGS = ",".join([IDENTITY, *WINDOW_BITS])
"""Those that there are, as gRPC's protocol has a server name them to who used another."""


class Budget:
    """Bytes of requests that are held at the same time, of all connections together."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.used = 0

    def check(self, count: int) -> None:
        """Raise `ResourceExhausted` where so much more is too much."""
        if self.used + count > self._limit:
            raise errors.ResourceExhausted(
                f"the service holds {self.used:,} bytes of requests, and with {count:,} more it would be beyond {self._limit:,}; "
                "ask again when others are answered",
                reason="REQUESTS_TOO_LARGE",
            )

    def take(self, count: int) -> None:
        """So many more are held. Raises as `check`."""
        self.check(count)
        self.used += count

    def give_back(self, count: int) -> None:
        """They are held no more."""
        self.used -= count


class Reader:
    """Puts the messages of one stream together. `close` gives back what they have of the budget."""

    __slots__ = ("_budget", "_costs", "_encoding", "_is_closed", "_left", "_pieces", "_prefix", "_taken")

    def __init__(self, encoding: str, budget: Budget) -> None:
        self._encoding = encoding
        self._budget = budget
        self._taken = 0
        self._is_closed = False
        self._costs: deque[list[int]] | None = deque() if encoding in WINDOW_BITS else None
        """Of each message that was found and not released: bytes on the wire, and bytes held. None where its length says both."""
        self._prefix = b""
        self._left = -1
        """Bytes that the message under way lacks; -1 when none is."""
        self._pieces: list[bytes | bytearray] = []

    @property
    def missing(self) -> int:
        """Bytes that are known to have to come."""
        return max(0, self._left)

    @property
    def is_amid(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._left >= 0 or bool(self._prefix)

    def feed(self, data: memoryview) -> Iterator[bytes | Inflating]:
        """The messages that end with these bytes, compressed ones yet to be inflated. Raises `ResourceExhausted`, `InvalidArgument`.

        One at a time: whoever wants no more of them is spared the work for thousands.
        """
        size = len(data)
        if self._is_whole(data):
            self._take(size)
            if self._costs is not None:
                self._costs.append([size, size])
            yield bytes(data[PREFIX.size :])
            return
        position = 0
        while position < size and not self._is_closed:
            if self._left < 0:
                position = self._read_prefix(data, position)
            position = self._read_piece(data, position)
            if not self._left:
                yield self._finish()

    def _is_whole(self, data: memoryview) -> bool:
        """Whether it is one message, as most often, and nothing more is to be thought of."""
        return (
            self._left < 0
            and not self._prefix
            and len(data) >= PREFIX.size
            and not data[0]
            and PREFIX.unpack_from(data)[1] == len(data) - PREFIX.size <= MAX_BYTES
        )

    def close(self) -> None:
        """Nothing of this stream is held any more, nor read."""
        self._is_closed = True
        self._budget.give_back(self._taken)
        self._taken = 0

    def release(self, length: int) -> int:
        """The oldest message, which has this length, is not held any more; the bytes that it had on the wire."""
        size = length + PREFIX.size
        sent, held = self._costs.popleft() if self._costs else [size, size]
        held = min(held, self._taken)
        self._taken -= held
        self._budget.give_back(held)
        return sent

    def _take(self, count: int) -> None:
        self._budget.take(count)
        self._taken += count

    def _read_prefix(self, data: memoryview, position: int) -> int:
        end = position + PREFIX.size - len(self._prefix)
        self._prefix += data[position:end]
        if len(self._prefix) == PREFIX.size:
            is_compressed, length = PREFIX.unpack(self._prefix)
            self._check(is_compressed, length)
            # Counted is what has come, not what is said to come: nobody keeps room from others by words.
            self._budget.check(length + PREFIX.size)
            self._take(PREFIX.size)
            self._left = length
        return min(end, len(data))

    def _check(self, is_compressed: int, length: int) -> None:
        if is_compressed > 1:
            raise errors.InvalidArgument("a message begins with neither 0 nor 1: this is no gRPC")
        if is_compressed and self._encoding == IDENTITY:
            raise errors.InvalidArgument(
                "a message is compressed, but the call does not say how (grpc-encoding)"
            )
        if is_compressed and self._encoding not in WINDOW_BITS:
            raise errors.Unimplemented(
                f"messages compressed by {self._encoding[:100]!r} cannot be read; there are {ENCODINGS}"
            )
        if length > MAX_BYTES:
            raise too_large(length, MAX_BYTES)

    def _read_piece(self, data: memoryview, position: int) -> int:
        if self._left <= 0:
            return position
        piece = data[position : position + self._left]
        self._take(len(piece))
        self._gather(piece)
        self._left -= len(piece)
        return position + len(piece)

    def _gather(self, piece: memoryview) -> None:
        if len(piece) >= SMALL_BYTES:
            self._pieces.append(bytes(piece))
        elif self._pieces and isinstance(self._pieces[-1], bytearray):
            self._pieces[-1] += piece
        else:
            self._pieces.append(bytearray(piece))

    def _finish(self) -> bytes | Inflating:
        message = bytes(self._pieces[0]) if len(self._pieces) == 1 else b"".join(self._pieces)
        is_compressed = self._prefix[0]
        self._left, self._prefix, self._pieces = -1, b"", []
        cost = [len(message) + PREFIX.size] * 2
        if self._costs is not None:
            self._costs.append(cost)
        if not is_compressed:
            return message
        return Inflating(message, self._encoding, functools.partial(self._take_for, cost))

    def _take_for(self, cost: list[int], count: int) -> None:
        self._take(count)
        cost[1] += count


def pack(message: bytes) -> bytes:
    """A message as it is sent."""
    return PREFIX.pack(0, len(message)) + message
