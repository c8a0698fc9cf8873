"""The server's side of memory that it shares with a helper process: what lies where, and for which request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bessemer_server.domain import tensors
from bessemer_server.executors.blocks import ALIGNMENT, Blocks
from bessemer_server.worker import arena, frames

SHARE_FROM = 64 * 1024
"""Bytes of a tensor from which on sharing is quicker than sending (docs/measurements.md)."""


class Sharing:
    """Places the large tensors of requests in an arena, with room for their answers, until they are answered."""

    def __init__(self, memory: arena.Arena) -> None:
        self._memory = memory
        self._blocks = Blocks(memory.size_bytes)
        self._starts: dict[int, int] = {}

    @property
    def view(self) -> memoryview:
        """The memory."""
        return self._memory.view

    def encode(
        self,
        header: dict[str, Any],
        body: Mapping[str, tensors.Tensor],
        answer_bytes: int,
    ) -> list[bytes | memoryview]:
        """The frame of a request, its large tensors in the arena; all in the frame when the arena is full."""
        sizes = [size for tensor in body.values() if (size := tensor.size_bytes) >= SHARE_FROM]
        room = answer_bytes if answer_bytes >= SHARE_FROM else 0
        whole = sum(map(_align, sizes)) + room
        start = self._blocks.take(whole) if whole else None
        if start is None:
            return frames.encode(header, body)
        self._starts[header["id"]] = start
        position = start

        def place(tensor: tensors.Tensor) -> int | None:
            nonlocal position
            if (size := tensor.size_bytes) < SHARE_FROM:
                return None
            here, position = position, position + _align(size)
            frames.copy(tensor, self.view, here)
            return here

        # The room lies behind the tensors, whatever their order.
        return frames.encode({**header, "room": [start + whole - room, room]}, body, place)

    def take_out(self, request_id: int, body: dict[str, tensors.Tensor]) -> dict[str, tensors.Tensor]:
        """The tensors of an answer, which no longer need the memory that the request had."""
        start = self._starts.pop(request_id, None)
        if start is None:
            return body
        copies = {name: tensors.Tensor(t.datatype, t.shape, bytes(t.data)) for name, t in body.items()}
        self._blocks.give_back(start)
        return copies

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()


def _align(size_bytes: int) -> int:
    return -(-size_bytes // ALIGNMENT) * ALIGNMENT
