"""What trainers print, line by line."""

from __future__ import annotations

import dataclasses

from bessemer_server.domain.jobs import Time

KEPT_BYTES = 1 << 20
"""Of each attempt, the lines that end within the last so many bytes are kept,"""
KEPT_LINES = 10_000
"""and of these the last so many; the newest line always."""
LINE_MAX_BYTES = 8192
"""A longer line becomes several."""


@dataclasses.dataclass(frozen=True, slots=True)
class PrintedLine:
    """A line as a trainer printed it."""

    position: int
    """Where it ends, in bytes from the beginning of all that the attempt printed."""
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class LogLine:
    """A line as the store keeps it."""

    cursor: int
    """Counted per job from 1; where old lines went, numbers are missing."""
    attempt: int
    time: Time
    """When it was read from the trainer."""
    text: str
