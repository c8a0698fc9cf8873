"""The little of protobuf's encoding that is written here: the beginning of a field with bytes."""

from __future__ import annotations

import functools

DELIMITED = 2


@functools.lru_cache(maxsize=1024)
def begin(field: int, size: int) -> bytes:
    """Tag and length of a field (number below 16) whose value has so many bytes."""
    head = bytearray([field << 3 | DELIMITED])
    while size > 0x7F:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    head.append(size)
    return bytes(head)
