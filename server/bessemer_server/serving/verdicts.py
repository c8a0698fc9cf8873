"""What follows from a classifier's probabilities, for who does not want to work it out: the likeliest class, by index and by
name. Given when it is asked for. Pure.
"""

from __future__ import annotations

import array
import math
from collections.abc import Sequence

from bessemer_server.domain import tensors
from bessemer_server.domain.models import Model, TensorSpec

SOURCE = "probabilities"
CLASS = TensorSpec("class", "INT64", (-1,))
LABEL = TensorSpec("label", "BYTES", (-1,))


def specs(model: Model) -> tuple[TensorSpec, ...]:
    """The outputs that a model has beside its own."""
    has_classes = model.labels and [spec.name for spec in model.outputs] == [SOURCE]
    return (CLASS, LABEL) if has_classes else ()


def work_out(name: str, probabilities: tensors.Tensor, labels: Sequence[str]) -> tensors.Tensor:
    """`class` or `label`, [N], of FP32 [N, classes]; of equals the first."""
    rows, classes = probabilities.rows, math.prod(probabilities.shape[1:])
    values = array.array("f", bytes(probabilities.data)).tolist()
    best = []
    for start in range(0, rows * classes, classes):
        row = values[start : start + classes]
        best.append(row.index(max(row)))
    if name == CLASS.name:
        return tensors.Tensor(CLASS.datatype, (rows,), array.array("q", best).tobytes())
    return tensors.Tensor(LABEL.datatype, (rows,), tensors.pack_elements(labels[i].encode() for i in best))
