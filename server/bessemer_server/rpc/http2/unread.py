"""Answers that clients leave unread."""

from __future__ import annotations

import sys

CONNECTION_BYTES = 32 << 20
"""That a client may leave on its connection: what would go beyond is refused. One answer may be larger alone."""


class Unread:
    """Bytes of all connections together. There may be many that leave as much as they may."""

    def __init__(self, limit: int = sys.maxsize) -> None:
        self._limit = limit
        self.used = 0

    @property
    def is_full(self) -> bool:
        """Whether nobody may leave more."""
        return self.used >= self._limit
