"""Data sets that users uploaded: what they are, and where their bytes lie."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator

from bessemer_server.domain.checkpoints import TensorEntry
from bessemer_server.domain.jobs import Time
from bessemer_server.domain.plans import DatasetInfo


@dataclasses.dataclass(frozen=True, slots=True)
class Content:
    """All of a data set but its bytes, as it comes out of an upload. Never changes under one digest."""

    info: DatasetInfo
    scale: float | None
    """Value that becomes 1 when inputs are rescaled; None: they are standardised, or are texts."""
    tensors: tuple[TensorEntry, ...]
    """`train/inputs` and `train/labels`, and the same of `test` where it has a split; texts have `offsets` too."""

    @property
    def name(self) -> str:
        """Name of the data set."""
        return self.info.name

    @property
    def digest(self) -> str:
        """SHA-256 of all of it, name and description too: what a job is pinned to."""
        return hashlib.sha256(json.dumps(dataclasses.asdict(self), sort_keys=True).encode()).hexdigest()

    @property
    def size_bytes(self) -> int:
        """Bytes of all its tensors."""
        return sum(tensor.size_bytes for tensor in self.tensors)

    def digests(self) -> Iterator[str]:
        """Each blob that it refers to, with repetitions."""
        return (digest for tensor in self.tensors for digest in tensor.digests)


@dataclasses.dataclass(frozen=True, slots=True)
class Dataset:
    """An uploaded data set in the store."""

    content: Content
    digest: str
    create_time: Time

    @property
    def name(self) -> str:
        """Its name, which no other one has."""
        return self.content.name
