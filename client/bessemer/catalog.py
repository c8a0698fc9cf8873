"""What can be trained, and what a model would look like."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from bessemer.v1 import catalog_pb2


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Something that `train` can be told to train."""

    name: str
    description: str
    options_schema: Mapping[str, Any]
    """JSON schema of its options."""


@dataclasses.dataclass(frozen=True)
class Layer:
    """One row of a summary."""

    index: int
    kind: str
    output_shape: tuple[int, ...]
    """Without the batch; images as (height, width, channels)."""
    parameters: int
    trainable_parameters: int
    detail: str


@dataclasses.dataclass(frozen=True)
class Summary:
    """A model before any training: `print` it for a table."""

    architecture: str
    input_shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    parameters: int
    trainable_parameters: int

    def __str__(self) -> str:
        rows = [("Layer", "Output shape", "Params")]
        rows += [
            (
                f"{layer.index:>2} {layer.kind} {layer.detail}".rstrip(),
                format_shape(layer.output_shape),
                f"{layer.parameters:,}",
            )
            for layer in self.layers
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        line = "─" * (sum(widths) + 4)
        table = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows]
        frozen = self.parameters - self.trainable_parameters
        return "\n".join(
            [
                f"Model: {self.architecture}, input {format_shape(self.input_shape)}",
                line,
                table[0],
                line,
                *table[1:],
                line,
                f"Total params: {self.parameters:,}",
                f"Trainable params: {self.trainable_parameters:,}",
                f"Non-trainable params: {frozen:,}",
            ]
        )


def format_shape(shape: tuple[int, ...]) -> str:
    """As Keras prints it, with None for the batch."""
    return f"({', '.join(['None', *map(str, shape)])})"


def parse_summary(message: catalog_pb2.ModelSummary) -> Summary:
    """From the wire."""
    layers = tuple(
        Layer(
            layer.index,
            layer.kind,
            tuple(layer.output_shape),
            layer.parameters,
            layer.trainable_parameters,
            layer.detail,
        )
        for layer in message.layers
    )
    return Summary(
        message.architecture,
        tuple(message.input_shape),
        layers,
        message.parameters,
        message.trainable_parameters,
    )


def parse_architecture(message: catalog_pb2.Architecture) -> Architecture:
    """From the wire."""
    return Architecture(message.name, message.description, json.loads(message.options_schema_json))
