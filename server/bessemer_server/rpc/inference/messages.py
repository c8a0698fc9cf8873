"""Prediction requests and answers to and from the protocol's messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.domain import errors, tensors
from bessemer_server.domain.models import Model
from bessemer_server.serving import classification, contents, parameters, requests, verdicts

MAX_AXES = 16


def parse(request: pb.ModelInferRequest) -> requests.Request:
    """What was asked, independent of the transport; raw bytes are not copied. Raises `InvalidArgument`."""
    raw = request.raw_input_contents
    for tensor in request.inputs:
        if len(tensor.shape) > MAX_AXES:
            raise errors.InvalidArgument(
                f"input '{tensor.name}' has {len(tensor.shape)} dimensions, but no tensor has more than {MAX_AXES}"
            )
    inputs = [
        requests.Input(
            name=tensor.name,
            datatype=tensor.datatype,
            shape=tuple(tensor.shape),
            raw=raw[i] if i < len(raw) else None,
            typed=_read_typed(tensor.contents) if tensor.HasField("contents") else {},
        )
        for i, tensor in enumerate(request.inputs)
    ]
    return requests.Request(inputs, [output.name for output in request.outputs], len(raw))


def _read_typed(given: pb.InferTensorContents) -> dict[str, Sequence[Any]]:
    return {field.name: values for field, values in given.ListFields()}


def read_parameters(given: Mapping[str, Any]) -> parameters.Given:
    """A message's parameters, by name: kind and value."""
    if not given:
        return {}
    return {name: _read(parameter) for name, parameter in given.items()}


def read_routing_key(request: pb.ModelInferRequest) -> str:
    """What decides which version answers where several share an alias; empty for chance."""
    if not request.parameters or parameters.ROUTING_KEY not in request.parameters:
        return ""
    return str(request.parameters[parameters.ROUTING_KEY].string_param)


def _read(parameter: Any) -> tuple[str, Any]:
    kind = parameter.WhichOneof("parameter_choice") or ""
    return kind, getattr(parameter, kind) if kind else None


def read_classes(request: pb.ModelInferRequest) -> dict[str, int]:
    """How many classes are asked for, by output. Raises `InvalidArgument`."""
    for tensor in request.inputs:
        if tensor.parameters:
            parameters.check_input(read_parameters(tensor.parameters), tensor.name)
    return {
        output.name: parameters.classes(read_parameters(output.parameters), output.name)
        for output in request.outputs
        if output.parameters
    }


def answer(
    request: pb.ModelInferRequest,
    model: Model,
    outputs: Mapping[str, tensors.Tensor],
    classes: Mapping[str, int],
) -> pb.ModelInferResponse:
    """The outputs that were asked for, in the form in which the inputs came: raw, or typed where the datatype has one."""
    response = pb.ModelInferResponse(model_name=model.name, model_version=str(model.version), id=request.id)
    names = [output.name for output in request.outputs] or [spec.name for spec in model.outputs]
    chosen = [_choose(name, outputs, classes.get(name, 0), model) for name in names]
    for name, tensor in zip(names, chosen, strict=True):
        response.outputs.add(name=name, datatype=tensor.datatype, shape=tensor.shape)
    if not (_is_typed(request) and _add_typed(response, chosen)):
        response.raw_output_contents.extend(bytes(tensor.data) for tensor in chosen)
    return response


def _choose(name: str, outputs: Mapping[str, tensors.Tensor], count: int, model: Model) -> tensors.Tensor:
    tensor = outputs.get(name)
    if tensor is None:
        tensor = verdicts.work_out(name, outputs[verdicts.SOURCE], model.labels)
    return classification.rank(name, tensor, count, model.labels) if count else tensor


def _is_typed(request: pb.ModelInferRequest) -> bool:
    return not request.raw_input_contents and bool(request.inputs)


def _add_typed(response: pb.ModelInferResponse, chosen: Sequence[tensors.Tensor]) -> bool:
    """False, and nothing done, when one of them only goes raw."""
    typed = [contents.unpack(tensor) for tensor in chosen]
    if not all(typed):
        return False
    for output, (field, values) in zip(response.outputs, filter(None, typed), strict=True):
        getattr(output.contents, field).extend(values)
    return True
