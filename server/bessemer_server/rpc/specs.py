"""Specifications of jobs to and from `bessemer.v1.TrainingSpec` and `PredictionSpec`; in JSON, fields have the same names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.message import Message

from bessemer.v1 import jobs_pb2
from bessemer_server.domain import errors
from bessemer_server.rpc import structs

Spec = jobs_pb2.TrainingSpec
Prediction = jobs_pb2.PredictionSpec


def from_wire(message: Spec) -> dict[str, Any]:
    """The specification as JSON, with only what the client set. Raises `errors.InvalidArgument`."""
    found = {
        field.name: READ[field.name](field.name, value) if field.name in READ else value
        for field, value in message.ListFields()
    }
    return {"architecture": message.architecture, "dataset": message.dataset, **found}


def to_wire(spec: Mapping[str, Any]) -> Spec:
    """The specification as a message; None is what is not set."""
    message = Spec()
    for name, value in spec.items():
        if name in WRITE and value is not None:
            WRITE[name](getattr(message, name), value)
        elif value is not None:
            setattr(message, name, value)
    return message


def prediction_from_wire(message: Prediction) -> dict[str, Any]:
    """The specification of a prediction as JSON, with only what the client set."""
    return {"model": message.model, **_read_part("prediction", message)}


def prediction_to_wire(spec: Mapping[str, Any]) -> Prediction:
    """The specification of a prediction as a message."""
    return Prediction(**spec)


def _read_choice(name: str, message: jobs_pb2.Optimizer | jobs_pb2.Schedule) -> dict[str, Any]:
    options = structs.to_json(message.options)
    if "kind" in options:
        description = f"is no option; name the {name} in {name}.kind"
        raise errors.InvalidArgument(violations=[errors.Violation(f"{name}.options.kind", description)])
    return {**options, "kind": message.kind}


def _read_class_weights(name: str, message: jobs_pb2.ClassWeights) -> str | dict[str, float]:
    if message.balanced and message.weights:
        description = "are either balanced or given for each label; leave one out"
        raise errors.InvalidArgument(violations=[errors.Violation(name, description)])
    return "balanced" if message.balanced else dict(message.weights)


def _read_part(name: str, message: Message) -> dict[str, Any]:
    return {field.name: value for field, value in message.ListFields()}


READ: Mapping[str, Callable[[str, Any], Any]] = {
    "options": lambda name, value: structs.to_json(value),
    "augmentation": lambda name, value: structs.to_list(value),
    "metrics": lambda name, value: list(value),
    "class_weights": _read_class_weights,
    **dict.fromkeys(("optimizer", "schedule"), _read_choice),
    **dict.fromkeys(("early_stopping", "text", "checkpoint"), _read_part),
}
"""Fields that are more than a number or a name; what is here is in `WRITE` too."""


def _write_choice(message: jobs_pb2.Optimizer | jobs_pb2.Schedule, choice: Mapping[str, Any]) -> None:
    message.SetInParent()
    message.kind = choice["kind"]
    if options := {name: value for name, value in choice.items() if name != "kind"}:
        message.options.CopyFrom(structs.to_struct(options))


def _write_class_weights(message: jobs_pb2.ClassWeights, weights: str | Mapping[str, float]) -> None:
    message.SetInParent()
    if isinstance(weights, str):
        message.balanced = True
    else:
        message.weights.update(weights)


def _write_part(message: Message, values: Mapping[str, Any]) -> None:
    message.SetInParent()
    for name, value in values.items():
        if value is not None:
            setattr(message, name, value)


WRITE: Mapping[str, Callable[[Any, Any], None]] = {
    "options": lambda message, value: message.CopyFrom(structs.to_struct(value)),
    "augmentation": lambda message, value: message.CopyFrom(structs.to_list_value(value)),
    "metrics": lambda message, value: message.extend(value),
    "class_weights": _write_class_weights,
    **dict.fromkeys(("optimizer", "schedule"), _write_choice),
    **dict.fromkeys(("early_stopping", "text", "checkpoint"), _write_part),
}
