"""Published models."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from bessemer_server.domain import tensors
from bessemer_server.domain.checkpoints import Manifest
from bessemer_server.domain.jobs import Time


@dataclasses.dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor of a signature, in the words of the Open Inference Protocol."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    """-1 for the batch."""


@dataclasses.dataclass(frozen=True, slots=True)
class Publication:
    """What a trainer that succeeded hands over to be published."""

    weights: Manifest
    definition: Mapping[str, Any]
    """JSON: `layers`, `preprocessing`, `labels`, `inputs`, `outputs`: all that a predictor needs beside the weights."""
    parameters: int


@dataclasses.dataclass(frozen=True, slots=True)
class Origin:
    """Where the weights of an imported model come from, as far as is known."""

    architecture: str = ""
    dataset: str = ""
    dataset_digest: str = ""
    metrics: Mapping[str, float] = dataclasses.field(default_factory=dict)
    effective_spec: Mapping[str, Any] = dataclasses.field(default_factory=dict)


SIGNATURE = ("labels", "inputs", "outputs")
"""What a list needs of a definition, in which a text model's whole vocabulary may lie."""


def read_signature(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The small part of a definition."""
    return {name: definition[name] for name in SIGNATURE if name in definition}


@dataclasses.dataclass(frozen=True)
class Listed:
    """What a list tells of one version of a model: as `Model`, with the `signature` alone of its definition."""

    name: str
    version: int
    job_id: str
    architecture: str
    dataset: str
    signature: Mapping[str, Any]
    metrics: Mapping[str, float]
    parameters: int
    effective_spec: Mapping[str, Any]
    create_time: Time
    dataset_digest: str = ""

    @functools.cached_property
    def labels(self) -> tuple[str, ...]:
        """Name of each class, by index."""
        return tuple(self.signature.get("labels", ()))

    @functools.cached_property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The signature's inputs."""
        return _specs(self.signature["inputs"])

    @functools.cached_property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The signature's outputs."""
        return _specs(self.signature["outputs"])


@dataclasses.dataclass(frozen=True)
class Model:
    """One version of a published model. Never changes, so what each prediction needs of it is worked out once."""

    name: str
    version: int
    job_id: str
    """Empty for one that was imported."""
    architecture: str
    dataset: str
    weights: Manifest
    definition: Mapping[str, Any]
    metrics: Mapping[str, float]
    parameters: int
    effective_spec: Mapping[str, Any]
    create_time: Time
    dataset_digest: str = ""
    """Content of the uploaded data set that it was trained on; empty for one that comes with the service."""

    @functools.cached_property
    def key(self) -> tuple[str, int]:
        """Name and version, by which it is known among all."""
        return self.name, self.version

    @property
    def listed(self) -> Listed:
        """As a list tells of it."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del fields["weights"], fields["definition"]
        return Listed(**fields, signature=read_signature(self.definition))

    @functools.cached_property
    def labels(self) -> tuple[str, ...]:
        """Name of each class, by index."""
        return tuple(self.definition.get("labels", ()))

    @functools.cached_property
    def is_batched(self) -> bool:
        """Whether requests can share a batch: the first axis of every input is one."""
        return all(spec.shape[:1] == (-1,) for spec in self.inputs)

    @functools.cached_property
    def inputs(self) -> tuple[TensorSpec, ...]:
        """The signature's inputs."""
        return _specs(self.definition["inputs"])

    @functools.cached_property
    def outputs(self) -> tuple[TensorSpec, ...]:
        """The signature's outputs."""
        return _specs(self.definition["outputs"])

    @functools.cached_property
    def answer_row_bytes(self) -> int:
        """Of all outputs for one row together; 0 for a model without batches, whose answers nobody knows before."""
        if not self.is_batched:
            return 0
        return sum(tensors.size_bytes(spec.datatype, spec.shape[1:]) for spec in self.outputs)

    @functools.cached_property
    def computation(self) -> str:
        """Digest of what it computes, whatever its weights are: models that share it take the same time."""
        parts = [self.definition.get(name) for name in ("layers", "input_shape")]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _specs(entries: list[Mapping[str, Any]]) -> tuple[TensorSpec, ...]:
    return tuple(TensorSpec(e["name"], e["datatype"], tuple(e["shape"])) for e in entries)
