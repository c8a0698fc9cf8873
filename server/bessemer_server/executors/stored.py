"""Tensors out of the blob store, for a process that works with them."""

from __future__ import annotations

from collections.abc import Iterable

from bessemer_server.domain import ports, tensors
from bessemer_server.domain.checkpoints import TensorEntry


async def read(entries: Iterable[TensorEntry], blobs: ports.BlobStore) -> dict[str, tensors.Tensor]:
    """The tensors by name."""
    found = {}
    for entry in entries:
        data = b"".join([await blobs.get(digest) for digest in entry.digests])
        found[entry.name] = tensors.Tensor(tensors.DATATYPES[entry.dtype], entry.shape, data)
    return found
