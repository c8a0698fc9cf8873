"""Networks as ONNX sees them: a list of operators on named values, built layer by layer.

Plain data, for which no ONNX library is imported: `training.exchange` makes a file of it. Operators mean what version
`OPSET` of ONNX's operator set says.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch

OPSET = 20
"""Of 2023, the first with GELU: ONNX Runtime knows it from 1.17 on."""
FLOAT, UINT8, INT64 = 1, 2, 7
"""ONNX's numbers of datatypes (onnx.proto, TensorProto.DataType)."""
Array = npt.NDArray[Any]


class NotExportable(Exception):
    """What has no form in ONNX: a sentence that says why."""


@dataclasses.dataclass(frozen=True, slots=True)
class Value:
    """A tensor that a graph computes or holds."""

    name: str
    rank: int
    """Axes, that of the batch among them."""


@dataclasses.dataclass(frozen=True, slots=True)
class Node:
    """An operator; an empty name stands for an input or output that is left out."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


@runtime_checkable
class Exportable(Protocol):
    """A module that says in ONNX's operators what `forward` computes when it does not train."""

    def export(self, graph: Graph, inputs: Value) -> Value: ...


class Graph:
    """Operators in order, and the tensors that they hold."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.tensors: dict[str, Array] = {}
        self._scope = ""

    @contextlib.contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Names of tensors begin with `name` and a dot for the length of the block."""
        before, self._scope = self._scope, f"{self._scope}{name}."
        try:
            yield
        finally:
            self._scope = before

    def tensor(self, name: str, values: torch.Tensor | Array) -> Value:
        """A tensor that is part of the file; under the name that it has in a state dict, if it has one."""
        array = values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else values
        full = self._scope + name
        if full in self.tensors:
            full = f"{full}#{len(self.tensors)}"
        self.tensors[full] = np.ascontiguousarray(array).reshape(array.shape)
        return Value(full, array.ndim)

    def constant(self, values: Sequence[int] | Sequence[float] | float) -> Value:
        """Numbers that an operator wants as a tensor: int64 or float32."""
        array = np.asarray(values)
        return self.tensor("constant", array.astype(np.int64 if array.dtype.kind == "i" else np.float32))

    def add(
        self,
        operator: str,
        *inputs: Value | None,
        rank: int | None = None,
        output: int = 0,
        **attributes: Any,
    ) -> Value:
        """One more operator. Returns its output number `output`, of `rank` axes, by default as many as the first input."""
        first = next(value for value in inputs if value is not None)
        value = Value(f"{self._scope}{operator}_{len(self.nodes)}", first.rank if rank is None else rank)
        names = tuple("" if given is None else given.name for given in inputs)
        self.nodes.append(Node(operator, names, ("",) * output + (value.name,), attributes))
        return value

    def apply(self, module: torch.nn.Module, inputs: Value) -> Value:
        """What a module computes. Raises `NotExportable`."""
        if not isinstance(module, Exportable):
            raise NotExportable("it has no form in ONNX")
        return module.export(self, inputs)

    def transpose(self, value: Value, axes: Sequence[int]) -> Value:
        """Axes in another order."""
        return self.add("Transpose", value, perm=list(axes))

    def to_last(self, value: Value) -> Value:
        """Features to the last axis, as `shapes.to_last` does it."""
        return self.transpose(value, (0, 2, 3, 1)) if value.rank == 4 else value

    def from_last(self, value: Value) -> Value:
        """The way back from `to_last`."""
        return self.transpose(value, (0, 3, 1, 2)) if value.rank == 4 else value
