"""What goes into a network's file and what comes out: the signature, with texts as token ids and pictures from noise."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bessemer_server.domain import tensors
from bessemer_server.training import published


@dataclasses.dataclass(frozen=True, slots=True)
class Port:
    """An input or output."""

    name: str
    dtype: str
    """NumPy's name."""
    shape: tuple[int, ...]
    """Without the batch, which may have any size."""


def of(definition: Mapping[str, Any]) -> tuple[Port, Port]:
    """Input and output."""
    (output,) = definition["outputs"]
    if published.kind(definition) == published.GENERATOR:
        return Port("noise", "float32", tuple(definition["input_shape"])), _read(output)
    (given,) = definition["inputs"]
    if definition["preprocessing"]["kind"] == "text":
        return Port("token_ids", "int64", tuple(definition["input_shape"])), _read(output)
    return _read(given), _read(output)


def _read(spec: Mapping[str, Any]) -> Port:
    return Port(spec["name"], tensors.NUMPY_NAMES[spec["datatype"]], tuple(spec["shape"][1:]))
