"""Frames between the server and its helper processes: a JSON header, then the bytes of tensors.

    4 bytes   length of the header, little-endian
    8 bytes   length of the body
    header    UTF-8 JSON; `tensors` lists name, datatype, shape and bytes of what follows
    body      the tensors' bytes, one after the other

Used over a socket pair by `executors/helper.py` (asyncio) and `worker/service.py` (blocking).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from typing import Any

from bessemer_server.domain import tensors

PREFIX = struct.Struct("<IQ")


def encode(header: Mapping[str, Any], body: Mapping[str, tensors.Tensor]) -> list[bytes | memoryview]:
    """The frame, as pieces to write one after the other."""
    entries = [[name, t.datatype, list(t.shape), len(t.data)] for name, t in body.items()]
    head = json.dumps({**header, "tensors": entries}, separators=(",", ":")).encode()
    pieces = [t.data for t in body.values()]
    return [PREFIX.pack(len(head), sum(map(len, pieces))) + head, *pieces]


def decode(head: bytes, body: bytes | memoryview) -> tuple[dict[str, Any], dict[str, tensors.Tensor]]:
    """Header and tensors; the tensors are views into `body`."""
    header = json.loads(head)
    view, start, found = memoryview(body), 0, {}
    for name, datatype, shape, size in header.pop("tensors"):
        end = start + size
        found[name] = tensors.Tensor(datatype, tuple(shape), view[start:end])
        start = end
    return header, found
