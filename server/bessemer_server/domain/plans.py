"""What the planner says of a specification before any training."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True, slots=True)
class LayerSummary:
    """One row of a summary."""

    index: int
    kind: str
    output_shape: tuple[int, ...]
    """Without the batch; images as (height, width, channels)."""
    parameters: int
    trainable_parameters: int
    detail: str = ""
    """The options in a few words."""


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """A specification that can be trained, with every default filled in, and the model it makes."""

    effective_spec: Mapping[str, Any]
    input_shape: tuple[int, ...]
    layers: tuple[LayerSummary, ...]

    @property
    def parameters(self) -> int:
        """Of all layers."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def trainable_parameters(self) -> int:
        """Of all layers, without the frozen ones."""
        return sum(layer.trainable_parameters for layer in self.layers)


@dataclasses.dataclass(frozen=True, slots=True)
class CatalogEntry:
    """Something that a specification can name: an architecture, a layer, a loss."""

    name: str
    description: str
    options_schema: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class DatasetInfo:
    """A data set, without its samples."""

    name: str
    description: str
    kind: str
    """`image`, `table` or `text`."""
    shape: tuple[int, ...]
    """Of one sample: (height, width, channels) or (features,); () for a text, until it is planned as (length,)."""
    labels: tuple[str, ...]
    train_samples: int
    test_samples: int
    """0 where there is no split of its own."""
    bundled: bool
    vocabulary: int = 0
    """Token ids of a text, padding and unknown included; 0 for other kinds."""


@dataclasses.dataclass(frozen=True, slots=True)
class Catalog:
    """All that can be named in a specification."""

    architectures: tuple[CatalogEntry, ...]
    optimizers: tuple[CatalogEntry, ...]
    layers: tuple[CatalogEntry, ...]
    losses: tuple[CatalogEntry, ...]
    metrics: tuple[CatalogEntry, ...]
    datasets: tuple[DatasetInfo, ...]
    devices: tuple[str, ...]
    """Devices that torch can use here, e.g. `cuda:0`; `cpu` last."""
