"""Who holds which part of a piece of memory."""

from __future__ import annotations

ALIGNMENT = 64
"""Bytes of a cache line: what computes on a block likes it to begin there."""


class Blocks:
    """Hands out parts of `size_bytes`, the lowest that fits, so that little of the memory is ever touched."""

    def __init__(self, size_bytes: int) -> None:
        self._size_bytes = size_bytes
        self._taken: list[tuple[int, int]] = []
        """Start and end, in order."""

    def take(self, size_bytes: int) -> int | None:
        """Where a free part of that size begins; None when there is none."""
        start = 0
        for index, (begin, end) in enumerate(self._taken):
            if begin - start >= size_bytes:
                self._taken.insert(index, (start, start + size_bytes))
                return start
            start = -(-end // ALIGNMENT) * ALIGNMENT
        if self._size_bytes - start < size_bytes:
            return None
        self._taken.append((start, start + size_bytes))
        return start

    def give_back(self, start: int) -> None:
        """Free the part that begins there."""
        self._taken = [block for block in self._taken if block[0] != start]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is taken."""
        return not self._taken
