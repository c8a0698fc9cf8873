"""The bytes of an ONNX file.

The library is imported when the first file is made: a process that makes none does without. docs/decisions/0012 says why
files are made from layers, not by torch's exporter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from bessemer_server.layers import graphs
from bessemer_server.training import published
from bessemer_server.training.exchange import interfaces

IR_VERSION = 9
"""Of the file format, as old as the operator set."""
BATCH = "batch"
MAX_BYTES = 2_000_000_000
"""Protocol buffers end at 2 GiB."""


def build(model: published.Published, metadata: Mapping[str, str]) -> bytes:
    """From raw inputs to outputs, with `metadata` beside what the definition says. Raises `graphs.NotExportable`."""
    import onnx
    from onnx import helper, numpy_helper

    given, answer = interfaces.of(model.definition)
    graph = graphs.Graph()
    result = model.export(graph, graphs.Value(given.name, 1 + len(given.shape)))
    graph.nodes.append(graphs.Node("Identity", (result.name,), (answer.name,), {}))
    size = sum(array.nbytes for array in graph.tensors.values())
    if size > MAX_BYTES:
        raise graphs.NotExportable(
            f"it has {size / 1e9:.1f} GB of weights, but a file takes {MAX_BYTES / 1e9:.0f}"
        )
    made = onnx.ModelProto(
        ir_version=IR_VERSION,
        producer_name="bessemer",
        opset_import=[helper.make_opsetid("", graphs.OPSET)],
    )
    made.graph.name = "model"
    made.graph.input.append(_describe(given))
    made.graph.output.append(_describe(answer))
    made.graph.initializer.extend(
        numpy_helper.from_array(array, name) for name, array in graph.tensors.items()
    )
    made.graph.node.extend(
        helper.make_node(node.operator, node.inputs, node.outputs, name=node.outputs[-1], **node.attributes)
        for node in graph.nodes
    )
    helper.set_model_props(made, {**_describe_model(model), **metadata})
    return made.SerializeToString()


def _describe(port: interfaces.Port) -> Any:
    from onnx import helper

    dtype = helper.np_dtype_to_tensor_dtype(np.dtype(port.dtype))
    return helper.make_tensor_value_info(port.name, dtype, [BATCH, *port.shape])


def _describe_model(model: published.Published) -> dict[str, str]:
    definition = model.definition
    found = {"definition": definition, "labels": definition.get("labels", [])}
    found |= {"inputs": definition["inputs"], "outputs": definition["outputs"]}
    if "words" in definition["preprocessing"]:
        found["vocabulary"] = definition["preprocessing"]["words"]
    return {name: json.dumps(value) for name, value in found.items()}
