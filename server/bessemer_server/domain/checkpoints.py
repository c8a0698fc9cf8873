"""Checkpoints: a manifest of tensors, whose bytes lie in content-addressed blobs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Self

from bessemer_server.domain.jobs import Time

BLOB_MAX_BYTES = 2 * 1024 * 1024
"""A tensor larger than this is split: small enough for a gRPC message, large enough for few rows."""


@dataclasses.dataclass(frozen=True, slots=True)
class TensorEntry:
    """Where the bytes of one tensor are."""

    name: str
    dtype: str
    """NumPy's name: float32, int64, uint8, ... or bfloat16."""
    shape: tuple[int, ...]
    digests: tuple[str, ...]
    """SHA-256 of each part in hexadecimal; the parts in order are the bytes, little-endian, row-major."""
    size_bytes: int

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """The inverse of `dataclasses.asdict`, also after a way through JSON."""
        return cls(**{**body, "shape": tuple(body["shape"]), "digests": tuple(body["digests"])})


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """A checkpoint without its bytes."""

    epoch: int
    """Epochs completed when it was taken."""
    step: int
    """Steps done over all epochs."""
    tensors: tuple[TensorEntry, ...]
    state_json: str = "{}"
    """Counters and other small state."""

    def digests(self) -> Iterator[str]:
        """Each blob that the checkpoint refers to, with repetitions."""
        return (digest for tensor in self.tensors for digest in tensor.digests)

    @property
    def size_bytes(self) -> int:
        """Bytes of all its tensors; shared blobs count each time."""
        return sum(tensor.size_bytes for tensor in self.tensors)


@dataclasses.dataclass(frozen=True, slots=True)
class Checkpoint:
    """A manifest in the store."""

    id: str
    job_id: str
    attempt: int
    manifest: Manifest
    create_time: Time
