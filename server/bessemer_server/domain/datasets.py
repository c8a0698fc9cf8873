"""Data sets that users uploaded: what they are, and where their bytes lie."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Self

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
        # Field by field: one that a later release adds leaves the digests of what is there as they are.
        info = self.info
        words = [info.name, info.description, info.kind, info.shape, info.labels, self.scale]
        tensors = [[tensor.name, tensor.dtype, tensor.shape, tensor.digests] for tensor in self.tensors]
        return hashlib.sha256(json.dumps([words, tensors]).encode()).hexdigest()

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """The inverse of `dataclasses.asdict`, also after a way through JSON."""
        info = {
            **body["info"],
            "shape": tuple(body["info"]["shape"]),
            "labels": tuple(body["info"]["labels"]),
        }
        tensors = tuple(TensorEntry.from_json(entry) for entry in body["tensors"])
        return cls(DatasetInfo(**info), body["scale"], tensors)

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


@dataclasses.dataclass(frozen=True, slots=True)
class Upload:
    """What a user sent, before anybody has looked into it."""

    name: str
    format: str
    """IMAGE_FOLDERS, TEXT_FOLDERS, CSV or NPZ."""
    options: Mapping[str, Any]
    """JSON: `description`, `size`, `label_column`, `labels`; what is absent takes its default."""
    spool: str
    """Path of a file that holds all files, one after the other."""
    files: tuple[tuple[str, int, int], ...]
    """Path as the user named it, start and length in `spool`."""
    output: str
    """Path of the file into which the bytes of the tensors go, in the order of `Content.tensors`."""
