"""What goes between a front and its server: a head, and bytes."""

from __future__ import annotations

import enum
import math
import struct
from typing import NamedTuple

HEAD = struct.Struct("<QQBd")
"""Bytes of the body, number of the call, kind, seconds that are left."""


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

    size_bytes: int
    number: int
    kind: int
    left_s: float
    """Infinite for a call without a deadline."""


def encode_head(kind: Kind, number: int = 0, size_bytes: int = 0, left_s: float | None = None) -> bytes:
    """The bytes before the body."""
    return HEAD.pack(size_bytes, number, kind, math.inf if left_s is None else left_s)
