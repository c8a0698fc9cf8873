"""What was read a moment ago need not be read again."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

SIZE = 256
FRESH_S = 1.0
"""So long something is taken for what it was without a look: another server may have changed it. What this server changes counts at
once.
"""


class Fresh(Generic[K, V]):
    """Keeps the last `SIZE` values that were asked for."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._known: OrderedDict[K, tuple[V, float]] = OrderedDict()
        self._changes = 0

    def get(self, key: K) -> V | None:
        """The value, if it was read lately."""
        known = self._known.get(key)
        return known[0] if known and self._monotonic_s() < known[1] else None

    async def find(self, key: K, read: Callable[[], Awaitable[V]]) -> V:
        """The value, read if need be. What was being read while something was forgotten is not kept."""
        if (found := self.get(key)) is not None:
            return found
        changes = self._changes
        value = await read()
        if changes == self._changes:
            self._known[key] = value, self._monotonic_s() + FRESH_S
            self._known.move_to_end(key)
            if len(self._known) > SIZE:
                self._known.popitem(last=False)
        return value

    def forget(self, is_stale: Callable[[K], bool]) -> None:
        """Read these again."""
        self._changes += 1
        for key in [key for key in self._known if is_stale(key)]:
            del self._known[key]
