"""Checkpoints: a manifest of tensors, whose bytes lie in content-addressed blobs."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from bessemer_server.domain import metrics
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

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """The inverse of `dataclasses.asdict`, also after a way through JSON."""
        return cls(**{**body, "tensors": tuple(map(TensorEntry.from_json, body["tensors"]))})

    def encode(self) -> bytes:
        """JSON, the same for equal manifests: as the blob that it is kept in, so that a flipped bit of it is noticed too."""
        return json.dumps(dataclasses.asdict(self), separators=(",", ":")).encode()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The inverse of `encode`."""
        return cls.from_json(json.loads(data))

    def digests(self) -> Iterator[str]:
        """Each blob with bytes of its tensors, with repetitions."""
        return (digest for tensor in self.tensors for digest in tensor.digests)

    @property
    def size_bytes(self) -> int:
        """Bytes of all its tensors; shared blobs count each time."""
        return sum(tensor.size_bytes for tensor in self.tensors)


@dataclasses.dataclass(frozen=True, slots=True)
class Retention:
    """Which checkpoints of a job are kept; the others are removed when the next one becomes visible."""

    last: int
    """The newest."""
    best: str = ""
    """And the one at whose step this epoch metric was best, the earliest of equals; empty for none."""
    every: int = 0
    """And those at the end of each so many epochs; 0 for none."""

    @classmethod
    def of(cls, effective_spec: Mapping[str, Any], last: int) -> Self:
        """What a job's specification asks for; `last` where it does not say how many."""
        rule = effective_spec.get("checkpoint") or {}
        return cls(rule.get("keep_last") or last, rule.get("keep_best") or "", rule.get("keep_every") or 0)

    def outdated(self, steps: Iterable[int], epoch_steps: int, values: Mapping[int, float]) -> list[int]:
        """Steps of the checkpoints to remove. `epoch_steps`: steps of one epoch, 0 while unknown; `values`: the metric
        `best` by the step at which it was recorded.
        """
        oldest_first = sorted(steps)
        kept = set(oldest_first[-self.last :])
        kept |= {step for step in oldest_first if self._is_lasting(step, epoch_steps)}
        measured = [step for step in oldest_first if not math.isnan(values.get(step, math.nan))]
        if measured:
            sign = 1 if metrics.falls(self.best) else -1
            kept.add(min(measured, key=lambda step: sign * values[step]))
        return [step for step in oldest_first if step not in kept]

    def _is_lasting(self, step: int, epoch_steps: int) -> bool:
        return bool(self.every and epoch_steps) and step % (self.every * epoch_steps) == 0


@dataclasses.dataclass(frozen=True, slots=True)
class Checkpoint:
    """A manifest in the store."""

    id: str
    job_id: str
    attempt: int
    manifest: Manifest
    create_time: Time
    damaged: bool = False
    """Whether one of its blobs was found damaged, or gone: nobody goes on from it until it is saved again. Where that is the
    blob of the manifest, only the step is known."""
