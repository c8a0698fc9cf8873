"""Frames between the server and its helper processes: a JSON header, then the bytes of tensors.

    4 bytes   length of the header, little-endian
    8 bytes   length of the body
    header    UTF-8 JSON; `tensors` lists name, datatype, shape and bytes of what follows
    body      the tensors' bytes, one after the other

A fifth entry of a tensor says where it lies in memory that both sides share; its bytes are not in the body then. Used over a
socket pair by `executors/helper.py` (asyncio) and `worker/service.py` (blocking).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Mapping
from typing import Any

from bessemer_server.domain import tensors

PREFIX = struct.Struct("<IQ")
_ENCODER, _DECODER = json.JSONEncoder(separators=(",", ":")), json.JSONDecoder()
Place = Callable[[tensors.Tensor], int | None]
"""Copies a tensor into shared memory and says where it is; None for one that goes with the frame."""


def encode(
    header: Mapping[str, Any], body: Mapping[str, tensors.Tensor], place: Place | None = None
) -> list[bytes | memoryview]:
    """The frame, as pieces to write one after the other."""
    entries: list[list[Any]] = []
    pieces: list[bytes | memoryview] = []
    for name, tensor in body.items():
        entry = [name, tensor.datatype, list(tensor.shape), tensor.size_bytes]
        start = place(tensor) if place else None
        if start is None:
            pieces += tensor.pieces
        else:
            entry.append(start)
        entries.append(entry)
    head = _ENCODER.encode({**header, "tensors": entries}).encode()
    return [PREFIX.pack(len(head), sum(map(len, pieces))) + head, *pieces]


def decode(
    head: bytes, body: bytes | memoryview, shared: memoryview | None = None
) -> tuple[dict[str, Any], dict[str, tensors.Tensor]]:
    """Header and tensors; the tensors are views into `body` and into what is `shared`."""
    header = _DECODER.decode(head.decode())
    view, position, found = memoryview(body), 0, {}
    for name, datatype, shape, size, *place in header.pop("tensors"):
        if place:
            assert shared is not None
            data = shared[place[0] : place[0] + size]
        else:
            data = view[position : position + size]
            position += size
        found[name] = tensors.Tensor(datatype, tuple(shape), data)
    return header, found


def copy(tensor: tensors.Tensor, shared: memoryview, start: int) -> None:
    """Write a tensor's bytes to where they shall lie."""
    for piece in tensor.pieces:
        shared[start : start + len(piece)] = piece
        start += len(piece)
