"""The likeliest classes of an output, as the protocol's classification extension writes them. Pure."""

from __future__ import annotations

import array
import heapq
import math
from collections.abc import Sequence

from bessemer_server.domain import errors, tensors


def rank(name: str, scores: tensors.Tensor, count: int, labels: Sequence[str]) -> tensors.Tensor:
    """BYTES [N, k] with "value:index:label", best first, of FP32 [N, classes]; k: `count`, or all classes if there are
    fewer. Raises `InvalidArgument` for an output of another kind.
    """
    if scores.datatype != "FP32" or not scores.shape:
        raise no_classes(name, scores.datatype, scores.shape)
    rows, classes = scores.rows, math.prod(scores.shape[1:])
    values = array.array("f", bytes(scores.data))
    best = [_best(values[row * classes : (row + 1) * classes], count, labels) for row in range(rows)]
    elements = [element for each in best for element in each]
    return tensors.Tensor("BYTES", (rows, min(count, classes)), tensors.pack_elements(elements))


def no_classes(name: str, datatype: str, shape: Sequence[int]) -> errors.InvalidArgument:
    """The error for an output that is asked for its likeliest classes and has none."""
    return errors.InvalidArgument(
        f"output '{name}' is {datatype} of shape {list(shape)}: only scores in FP32 have classes"
    )


def _best(scores: Sequence[float], count: int, labels: Sequence[str]) -> list[bytes]:
    order = heapq.nsmallest(count, range(len(scores)), key=lambda index: (-scores[index], index))
    return [
        f"{scores[index]:f}:{index}{f':{labels[index]}' if index < len(labels) else ''}".encode()
        for index in order
    ]
