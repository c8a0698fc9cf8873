"""Regions of shared memory by name, as clients have registered them. Pure: who opens the memory is an argument."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Protocol

from bessemer_server.domain import errors
from bessemer_server.serving.places import Place

MAX_REGIONS = 256
"""Each takes a file descriptor, and a process may have 1,024 of them."""
MAX_BYTES = 64 << 30
"""Of all regions together. No memory is taken by them, but nobody needs more."""
NAME_MAX = 256
SHOWN = 12
"""Names that a message lists at most."""


class Memory(Protocol):
    """An object that its owner may change or cut at any time."""

    @property
    def size_bytes(self) -> int:
        """As it is now."""

    def read(self, offset: int, count: int) -> bytes:
        """A copy; shorter where the object ends before."""

    def write(self, offset: int, pieces: Iterable[bytes | memoryview]) -> None:
        """One piece after the other. Raises `ResourceExhausted`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Region:
    """A part of an object, under a name."""

    name: str
    key: str
    offset: int
    byte_size: int
    memory: Memory = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True)
class Span:
    """A part of a region that a tensor may have, and nothing beside it. It outlives the region's name."""

    region: Region
    offset: int
    byte_size: int

    def read(self) -> bytes:
        """A copy of it all. Raises `InvalidArgument` when the object has become shorter."""
        data = self.region.memory.read(self.region.offset + self.offset, self.byte_size)
        if len(data) != self.byte_size:
            raise self._cut()
        return data

    def write(self, pieces: Iterable[bytes | memoryview], count: int) -> None:
        """`count` bytes at its beginning, which it must have. Raises `InvalidArgument` when the object has become shorter, and
        `ResourceExhausted`.
        """
        start = self.region.offset + self.offset
        # A write would make the object longer again, at the cost of memory that nobody asked for.
        if self.region.memory.size_bytes < start + count:
            raise self._cut()
        self.region.memory.write(start, pieces)

    def _cut(self) -> errors.InvalidArgument:
        region = self.region
        return errors.InvalidArgument(
            f"shared memory region '{region.name}' has become shorter since it was registered: object '{region.key}' has "
            f"{region.memory.size_bytes} bytes, but byte {region.offset + self.offset + self.byte_size} is needed"
        )


class Registry:
    """The regions that there are."""

    def __init__(self, open_memory: Callable[[str], Memory]) -> None:
        self._open = open_memory
        self._regions: dict[str, Region] = {}

    def register(self, name: str, key: str, offset: int, byte_size: int) -> None:
        """Raises `AlreadyExists`, `InvalidArgument`, `ResourceExhausted`."""
        if name in self._regions:
            raise errors.AlreadyExists(
                f"shared memory region '{name}' already in manager; unregister it first, or take another name"
            )
        if not 1 <= len(name) <= NAME_MAX:
            raise errors.InvalidArgument(
                f"the name of a region has 1 to {NAME_MAX} characters, not {len(name)}"
            )
        if not byte_size:
            raise errors.InvalidArgument(f"shared memory region '{name}' must have at least one byte")
        self._check_room(name, byte_size)
        memory = self._open(key)
        if offset + byte_size > memory.size_bytes:
            raise errors.InvalidArgument(
                f"failed to register shared memory region '{name}': object '{key}' has {memory.size_bytes} bytes, but offset "
                f"{offset} and byte size {byte_size} need {offset + byte_size}"
            )
        self._regions[name] = Region(name, key, offset, byte_size, memory)

    def _check_room(self, name: str, byte_size: int) -> None:
        if len(self._regions) >= MAX_REGIONS:
            raise errors.ResourceExhausted(
                f"there are {MAX_REGIONS} shared memory regions already; unregister some before '{name}'"
            )
        taken = sum(region.byte_size for region in self._regions.values())
        if taken + byte_size > MAX_BYTES:
            raise errors.ResourceExhausted(
                f"shared memory regions may have {MAX_BYTES:,} bytes together: {taken:,} are taken, and '{name}' has {byte_size:,}"
            )

    def unregister(self, name: str) -> None:
        """Forget a region, or all where the name is empty; nothing for one that is not there. Tensors that were found keep theirs."""
        if name:
            self._regions.pop(name, None)
        else:
            self._regions.clear()

    def list_regions(self, name: str) -> list[Region]:
        """One region, or all where the name is empty. Raises `NotFound`."""
        if not name:
            return list(self._regions.values())
        if name not in self._regions:
            raise errors.NotFound(
                f"Unable to find system shared memory region: '{name}'; {self._tell_known()}"
            )
        return [self._regions[name]]

    def find(self, place: Place) -> Span:
        """The memory at a place. Raises `NotFound` for an unknown region, `InvalidArgument` for what lies outside of it."""
        region = self._regions.get(place.region)
        if region is None:
            raise errors.NotFound(
                f"Unable to find shared memory region: '{place.region}'; {self._tell_known()}"
            )
        if not 0 <= place.offset < region.byte_size:
            raise errors.InvalidArgument(
                f"Invalid offset for shared memory region: '{region.name}' has {region.byte_size} bytes, got offset {place.offset}"
            )
        if not 0 <= place.byte_size <= region.byte_size - place.offset:
            raise errors.InvalidArgument(
                f"Invalid offset + byte size for shared memory region: '{region.name}' has {region.byte_size} bytes, got offset "
                f"{place.offset} and byte size {place.byte_size}"
            )
        return Span(region, place.offset, place.byte_size)

    def _tell_known(self) -> str:
        """No nearest name: to compare long ones takes time, and it is clients who choose them."""
        names = sorted(self._regions)
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        return f"registered are {', '.join(names[:SHOWN])}{more}" if names else "none is registered"
