"""Inputs and outputs of a published classifier, in the words of the Open Inference Protocol."""

from __future__ import annotations

from typing import Any

from bessemer_server.domain import plans

OUTPUT = "probabilities"
_INPUTS = {"image": ("image", "UINT8"), "table": ("features", "FP32"), "text": ("text", "BYTES")}
"""Kind of data set → name and datatype of the input: raw, as the data set has it."""


def of(info: plans.DatasetInfo) -> dict[str, list[dict[str, Any]]]:
    """`inputs` and `outputs` of a definition; -1 stands for the batch."""
    name, datatype = _INPUTS[info.kind]
    # A text comes as the string that it is; `info.shape` is that of its token ids.
    shape = () if info.kind == "text" else info.shape
    return {
        "inputs": [{"name": name, "datatype": datatype, "shape": [-1, *shape]}],
        "outputs": [{"name": OUTPUT, "datatype": "FP32", "shape": [-1, len(info.labels)]}],
    }
