"""What goes between a front and its server: heads, and bytes, over an `executors.link.Link`."""

from __future__ import annotations

import enum
import math
import struct
from collections.abc import Sequence
from typing import NamedTuple

from bessemer_server.worker import frames

_HEAD = struct.Struct("<QBd")
_PLACE = struct.Struct("<QQ")
_START_BYTES = 8


class Kind(enum.IntEnum):
    """What a frame is: the first five are a front's, the others the server's."""

    READY = 0
    """Calls can come."""
    REQUEST = 1
    """The body is a ModelInferRequest."""
    SHARED_REQUEST = 2
    """The body is the place of one in shared memory."""
    CANCEL = 3
    """Nobody waits for the answer any more."""
    HERE = 4
    """Asked for."""
    ANSWER = 5
    """The body is a ModelInferResponse."""
    REFUSAL = 6
    """The body is a google.rpc.Status."""
    FREE = 7
    """Nothing but places in shared memory that are free again."""
    LISTEN = 8
    """The server can answer."""
    WHERE = 9
    """To be answered with `HERE`."""
    STOP = 10
    """Take no more calls, let those under way end, and end."""


class Head(NamedTuple):
    """What comes before the body."""

    number: int
    """Of the call."""
    kind: int
    left_s: float
    """Infinite for a call without a deadline."""
    free: tuple[int, ...] = ()
    """Where places in shared memory begin that are free again."""


def encode(
    kind: Kind,
    number: int = 0,
    body: bytes | memoryview = b"",
    left_s: float | None = None,
    free: Sequence[int] = (),
) -> list[bytes | memoryview]:
    """The pieces of a frame."""
    head = _HEAD.pack(number, kind, math.inf if left_s is None else left_s)
    if free:
        head += struct.pack(f"<{len(free)}Q", *free)
    return [frames.PREFIX.pack(len(head), len(body)) + head, body]


def decode(head: bytes) -> Head:
    """What comes before the body."""
    number, kind, left_s = _HEAD.unpack_from(head)
    count = (len(head) - _HEAD.size) // _START_BYTES
    return Head(number, kind, left_s, struct.unpack_from(f"<{count}Q", head, _HEAD.size) if count else ())


def encode_place(start: int, size: int) -> bytes:
    """The body of a `SHARED_REQUEST`."""
    return _PLACE.pack(start, size)


def decode_place(body: bytes | memoryview) -> tuple[int, int]:
    """Its inverse."""
    start, size = _PLACE.unpack(body)
    return start, size
