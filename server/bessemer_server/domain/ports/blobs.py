"""Where bytes are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol


class BlobStore(Protocol):
    """Immutable bytes under their SHA-256. Putting what is there already changes nothing."""

    async def missing(self, digests: Iterable[str]) -> Sequence[str]:
        """Those that are not there, without repetitions, in the order given."""
        ...

    async def put(self, blobs: Mapping[str, bytes]) -> None:
        """Store all, durably. Raises `InvalidArgument` when a digest is not that of its bytes."""
        ...

    async def get(self, digest: str) -> bytes:
        """Raises `NotFound`, and `DataLoss` when the bytes no longer match the digest."""
        ...
