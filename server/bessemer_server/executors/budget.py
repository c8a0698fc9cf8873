"""Which models fit into memory together. Pure: no clock, no process."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from bessemer_server.domain import errors

MIB = 1 << 20


class Budget:
    """The models that are loaded with the bytes that each takes, least recently used first."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._sizes: OrderedDict[str, int] = OrderedDict()

    def __contains__(self, key: str) -> bool:
        return key in self._sizes

    def __iter__(self) -> Iterator[str]:
        """The models that are loaded, least recently used first."""
        return iter(self._sizes)

    @property
    def used_bytes(self) -> int:
        """What all of them take."""
        return sum(self._sizes.values())

    def size_bytes(self, key: str) -> int:
        """What a model takes; 0 for one that is not loaded."""
        return self._sizes.get(key, 0)

    def use(self, key: str) -> None:
        """A loaded model was asked for."""
        self._sizes.move_to_end(key)

    def add(self, key: str, size_bytes: int) -> None:
        """A model was loaded and takes so much."""
        self._sizes[key] = size_bytes
        self._sizes.move_to_end(key)

    def remove(self, key: str) -> None:
        """A model was unloaded."""
        self._sizes.pop(key, None)

    def clear(self) -> None:
        """All are gone."""
        self._sizes.clear()

    def choose_leaving(self, key: str, size_bytes: int) -> list[str]:
        """The models to unload so that this one, of that size, fits: those that were used least recently. Raises
        `ResourceExhausted` for one that never fits.
        """
        if size_bytes > self.limit_bytes:
            raise errors.ResourceExhausted(
                f"model {key} takes {size_bytes / MIB:,.0f} MiB of memory, but all models together may take "
                f"{self.limit_bytes / MIB:,.0f}; start the service with a larger --predictor-memory-mib",
                reason="MODEL_TOO_LARGE",
            )
        leaving, free = [], self.limit_bytes - self.used_bytes + self._sizes.get(key, 0)
        for other, size in self._sizes.items():
            if size_bytes <= free:
                break
            if other != key:
                leaving.append(other)
                free += size
        return leaving
