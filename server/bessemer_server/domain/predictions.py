"""Predictions over a data set: what a trainer is given of the model, and how what it finds lies in a checkpoint."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Self

from bessemer_server.domain.checkpoints import TensorEntry
from bessemer_server.domain.models import Model

PROBABILITIES = "probabilities"
"""Tensor of a checkpoint, float32 [samples so far, classes]."""
TRUE_CLASSES = "true_classes"
"""Tensor of a checkpoint, int32 [samples so far]: indices into the labels of the data set."""
LABELS, DATASET_LABELS = "labels", "dataset_labels"
"""In the state of the last checkpoint: names of the classes of the model and of the data set. Both may be gone by then."""


@dataclasses.dataclass(frozen=True, slots=True)
class Asked:
    """What is needed of a published model to predict with it."""

    definition: Mapping[str, Any]
    """See `models.Publication`."""
    spec: Mapping[str, Any]
    """The effective specification that it was trained by: a data set is divided as it says. Empty for a model from a file."""
    tensors: tuple[TensorEntry, ...]
    """Its weights, by name of parameter."""

    @classmethod
    def of(cls, model: Model) -> Self:
        """Of a published model."""
        return cls(model.definition, model.effective_spec, model.weights.tensors)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """The inverse of `dataclasses.asdict`, also after a way through JSON."""
        tensors = tuple(TensorEntry.from_json(entry) for entry in body["tensors"])
        return cls(body["definition"], body["spec"], tensors)
