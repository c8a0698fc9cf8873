"""Pictures that a generator drew while it trained, from the same noise each time."""

from __future__ import annotations

import dataclasses

MAX_BYTES = 2 * 1024 * 1024
"""Of all pictures of one epoch."""


@dataclasses.dataclass(frozen=True, slots=True)
class Pictures:
    """What was drawn at the end of one epoch. A function of the job and the epoch: each attempt draws the same."""

    epoch: int
    """From 1."""
    shape: tuple[int, int, int, int]
    """N, height, width, channels."""
    data: bytes
    """uint8, row-major."""


def count_that_fits(wanted: int, shape: tuple[int, ...]) -> int:
    """How many pictures of (height, width, channels) are kept where `wanted` are asked for: at least one."""
    height, width, channels = shape
    return max(1, min(wanted, MAX_BYTES // (height * width * channels)))
