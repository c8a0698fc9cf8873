"""Prediction requests and answers to and from the protocol's messages."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping, Sequence
from typing import Any

from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.domain import errors, tensors
from bessemer_server.domain.models import Model
from bessemer_server.rpc.inference import frugal, typed
from bessemer_server.serving import classification, contents, parameters, places, regions, requests, verdicts

MAX_AXES = 16
MAX_ANSWER_BYTES = 256 << 20
"""Of its outputs; clients take 4 MiB unless they are told to take more."""
RANKED_BYTES = 24
"""About so many has a class with its score, index and label."""

NOTHING: Mapping[int, Any] = types.MappingProxyType({})


def parse(asked: frugal.Decoded, shared: Mapping[int, bytes] = NOTHING) -> requests.Request:
    """What was asked, independent of the transport; raw bytes are not copied, typed ones of large requests not read. `shared` has the bytes of inputs that lay in shared
    memory, by position: none of the raw contents is theirs. Raises `InvalidArgument`.
    """
    request, raw = asked.message, iter(asked.raw)
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
            raw=shared[i] if i in shared else next(raw, None),
            typed=_read_typed(asked, i, tensor),
            is_shared=i in shared,
        )
        for i, tensor in enumerate(request.inputs)
    ]
    return requests.Request(inputs, [output.name for output in request.outputs], len(asked.raw))


def _read_typed(asked: frugal.Decoded, i: int, tensor: Any) -> Mapping[str, Sequence[Any]]:
    if i in asked.typed:
        return typed.Contents(tensor.name, tensor.datatype, asked.typed[i])
    if not tensor.HasField("contents"):
        return {}
    return {field.name: values for field, values in tensor.contents.ListFields()}


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


def read_classes(request: pb.ModelInferRequest, model: Model) -> dict[int, int]:
    """How many classes are asked for, by position of the output: the same one may be asked for in several forms. Raises
    `InvalidArgument`.
    """
    without = {spec.name: spec for spec in verdicts.specs(model)}
    found = {}
    for i, output in enumerate(request.outputs):
        if not output.parameters:
            continue
        found[i] = parameters.classes(read_parameters(output.parameters), output.name)
        if found[i] and (spec := without.get(output.name)):
            raise classification.no_classes(spec.name, spec.datatype, spec.shape)
    return found


def choose(
    names: Sequence[str],
    model: Model,
    outputs: Mapping[str, tensors.Tensor],
    classes: Mapping[int, int],
) -> list[tensors.Tensor]:
    """The outputs that were asked for (`names`), in their order."""
    return [_choose(name, outputs, classes.get(i, 0), model) for i, name in enumerate(names)]


def check_size(
    names: Sequence[str], outputs: Mapping[str, tensors.Tensor], classes: Mapping[int, int]
) -> int:
    """About how many bytes an answer with these outputs has. Raises `InvalidArgument` for more than any may have."""
    total = 0
    for i, name in enumerate(names):
        source = outputs.get(name) or outputs[verdicts.SOURCE]
        ranked = min(classes.get(i, 0), math.prod(source.shape[1:]))
        total += source.rows * ranked * RANKED_BYTES if ranked else source.size_bytes
    if total > MAX_ANSWER_BYTES:
        raise errors.InvalidArgument(
            f"the answer would have some {total:,} bytes, but none has more than {MAX_ANSWER_BYTES:,}; ask for fewer rows or outputs at "
            "once"
        )
    return total


def answer(
    asked: frugal.Decoded,
    model: Model,
    chosen: Sequence[tensors.Tensor],
    shared: Mapping[int, regions.Span] = NOTHING,
) -> pb.ModelInferResponse:
    """The outputs in the form in which the inputs came: raw, or typed where the datatype has one. Of those that are `shared`, by
    position, only where they lie.
    """
    request = asked.message
    response = pb.ModelInferResponse(model_name=model.name, model_version=str(model.version), id=request.id)
    for name, tensor in zip(names(request, model), chosen, strict=True):
        response.outputs.add(name=name, datatype=tensor.datatype, shape=tensor.shape)
    for i, span in shared.items():
        _tell_place(response.outputs[i], span, chosen[i].size_bytes)
    if not (_is_typed(asked) and _add_typed(response, chosen, shared)):
        response.raw_output_contents.extend(
            b"" if i in shared else bytes(tensor.data) for i, tensor in enumerate(chosen)
        )
    return response


def names(request: pb.ModelInferRequest, model: Model) -> list[str]:
    """Of the outputs that are asked for: all, where none is named."""
    return [output.name for output in request.outputs] or [spec.name for spec in model.outputs]


def _tell_place(output: Any, span: regions.Span, count: int) -> None:
    output.parameters[places.REGION].string_param = span.region.name
    output.parameters[places.BYTE_SIZE].int64_param = count
    if span.offset:
        output.parameters[places.OFFSET].int64_param = span.offset


def _choose(name: str, outputs: Mapping[str, tensors.Tensor], count: int, model: Model) -> tensors.Tensor:
    tensor = outputs.get(name)
    if tensor is None:
        tensor = verdicts.work_out(name, outputs[verdicts.SOURCE], model.labels)
    return classification.rank(name, tensor, count, model.labels) if count else tensor


def _is_typed(asked: frugal.Decoded) -> bool:
    """Whether any input is; one in shared memory is neither."""
    if asked.raw:
        return False
    return bool(asked.typed) or any(tensor.HasField("contents") for tensor in asked.message.inputs)


def _add_typed(
    response: pb.ModelInferResponse, chosen: Sequence[tensors.Tensor], shared: Mapping[int, Any]
) -> bool:
    """False, and nothing done, when one of them only goes raw."""
    unpacked = {i: contents.unpack(tensor) for i, tensor in enumerate(chosen) if i not in shared}
    if not all(unpacked.values()):
        return False
    for i, (field, values) in ((i, found) for i, found in unpacked.items() if found):
        target = getattr(response.outputs[i].contents, field)
        for start in range(0, len(values), contents.PIECE):
            target.extend(values[start : start + contents.PIECE])
    return True
