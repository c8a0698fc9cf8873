"""What goes between a front and its server: heads, and bytes, over an `executors.link.Link`."""

from __future__ import annotations

import enum
import math
import struct
from typing import NamedTuple

from bessemer_server.worker import frames

_HEAD = struct.Struct("<QBd")


class Kind(enum.IntEnum):
    """What a frame is: the first three are a front's, the others the server's."""

    READY = 0
    """Calls can come."""
    REQUEST = 1
    """The body is a ModelInferRequest."""
    CANCEL = 2
    """Nobody waits for the answer any more."""
    ANSWER = 3
    """The body is a ModelInferResponse."""
    REFUSAL = 4
    """The body is a google.rpc.Status."""
    LISTEN = 5
    """The server can answer."""
    STOP = 6
    """Take no more calls, let those under way end, and end."""


class Head(NamedTuple):
    """What comes before the body."""

    number: int
    """Of the call."""
    kind: int
    left_s: float
    """Infinite for a call without a deadline."""


def encode(
    kind: Kind, number: int = 0, body: bytes | memoryview = b"", left_s: float | None = None
) -> list[bytes | memoryview]:
    """The pieces of a frame."""
    head = _HEAD.pack(number, kind, math.inf if left_s is None else left_s)
    return [frames.PREFIX.pack(len(head), len(body)) + head, body]


def decode(head: bytes) -> Head:
    """What comes before the body."""
    return Head(*_HEAD.unpack(head))
