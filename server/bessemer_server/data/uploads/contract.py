"""What a reader is given, and what it makes of it."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from bessemer_server.domain import errors

MAX_DECODED_BYTES = 4 << 30
"""What a data set may hold when it is decoded: a trainer keeps all of it in memory."""


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """What the user said beside the data."""

    description: str = ""
    size: tuple[int, int] | None = None
    """Height and width of every image; None: that of all, if it is one."""
    label_column: str = ""
    """Of a table; by default the one named `label` or `target`, else the last."""
    labels: tuple[str, ...] = ()
    """Names of the classes by index, where the data has numbers."""


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One file of an upload."""

    path: str
    start: int
    size_bytes: int


class Files:
    """The files of an upload, one after the other in one file. A context manager; reading is safe in threads."""

    def __init__(self, spool: str, entries: Sequence[Entry]) -> None:
        self._spool = spool
        self.entries = sorted(entries, key=lambda entry: entry.path)
        """By path: whatever order they came in, the data set is the same."""

    def __enter__(self) -> Self:
        self._descriptor = os.open(self._spool, os.O_RDONLY | os.O_CLOEXEC)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def read(self, entry: Entry) -> bytes:
        """The bytes of one file."""
        parts, start, left = [], entry.start, entry.size_bytes
        while left:  # the kernel gives 2 GiB at a time
            parts.append(os.pread(self._descriptor, left, start))
            if not parts[-1]:
                raise OSError(f"the spooled file ends before {entry.path} does")
            start, left = start + len(parts[-1]), left - len(parts[-1])
        return b"".join(parts)

    def only(self) -> Entry:
        """The one file of a format that has just one. Raises `errors.InvalidArgument`."""
        if len(self.entries) != 1:
            description = f"must be one file, but {len(self.entries):,} came"
            raise errors.InvalidArgument(violations=[errors.Violation("source", description)])
        return self.entries[0]


@dataclasses.dataclass(frozen=True, slots=True)
class Split:
    """Samples, and the class of each."""

    inputs: npt.NDArray[Any] | list[str]
    """uint8 [N, height, width, channels], float32 [N, features], or texts."""
    labels: npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, slots=True)
class Parsed:
    """An upload that is sound."""

    kind: str
    """As `plans.DatasetInfo.kind`."""
    shape: tuple[int, ...]
    labels: tuple[str, ...]
    train: Split
    test: Split | None
    scale: float | None
    description: str
    """What it is and what was done to it, to follow the user's own words."""


def check_size(size_bytes: int, advice: str) -> None:
    """Raise `errors.ResourceExhausted` for a data set that would be too large in memory."""
    if size_bytes > MAX_DECODED_BYTES:
        raise errors.ResourceExhausted(
            f"decoded this would take {size_bytes:,} bytes; at most {MAX_DECODED_BYTES:,} are taken: {advice}",
            reason="DATASET_TOO_LARGE",
        )
