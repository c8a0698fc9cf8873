"""A published model as an ONNX file whose answers are torch's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import torch

from bessemer_server.domain import errors
from bessemer_server.layers import graphs
from bessemer_server.training import published
from bessemer_server.training.exchange import agreement, files, samples


def export(
    definition: Mapping[str, Any], weights: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str]
) -> bytes:
    """The bytes of the file. Raises `errors.FailedPrecondition` for a layer that has no form in ONNX, which it names, and
    for a file whose answers to sample inputs are not those of torch.
    """
    model = published.Published(definition, weights, torch.device("cpu"))
    try:
        data = files.build(model, metadata)
    except graphs.NotExportable as error:
        raise errors.FailedPrecondition(f"the model cannot be exported as ONNX: {error}") from error
    if problem := _check(model, data):
        raise errors.FailedPrecondition(f"the model was not exported: its ONNX file {problem}")
    return data


def _check(model: published.Published, data: bytes) -> str | None:
    import onnxruntime

    given = samples.draw(model.definition)
    expected = model.forward(torch.from_numpy(given)).numpy()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {session.get_inputs()[0].name: given})
    return agreement.find_difference(expected, answer)
