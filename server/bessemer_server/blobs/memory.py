"""Blobs in memory: for tests."""
# ruff: noqa: D102  (what each method does is said once, in `domain.ports`)

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bessemer_server.blobs import checks


class MemoryBlobStore:
    """`domain.ports.BlobStore` over a dictionary, that of a `MemoryStore` so that it can see which blobs exist."""

    def __init__(self, contents: dict[str, bytes]) -> None:
        self._contents = contents

    async def missing(self, digests: Iterable[str]) -> Sequence[str]:
        return [digest for digest in dict.fromkeys(digests) if digest not in self._contents]

    async def put(self, blobs: Mapping[str, bytes]) -> None:
        checks.check_incoming(blobs)
        for digest, data in blobs.items():
            self._contents.setdefault(digest, bytes(data))

    async def get(self, digest: str) -> bytes:
        if digest not in self._contents:
            raise checks.unknown_blob(digest)
        return checks.check_stored(digest, self._contents[digest])
