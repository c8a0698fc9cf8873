"""The weights of a published model, read from the blob store for a process that runs it."""

from __future__ import annotations

from bessemer_server.domain import ports, tensors
from bessemer_server.domain.models import Model


async def read(model: Model, blobs: ports.BlobStore) -> dict[str, tensors.Tensor]:
    """Tensors by name of parameter."""
    found = {}
    for entry in model.weights.tensors:
        data = b"".join([await blobs.get(digest) for digest in entry.digests])
        found[entry.name] = tensors.Tensor(tensors.DATATYPES[entry.dtype], entry.shape, data)
    return found
