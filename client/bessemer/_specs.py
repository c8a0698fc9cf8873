"""Specifications of training jobs: from arguments to a message, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.protobuf import json_format, message, struct_pb2

from bessemer._faults import Faults
from bessemer.v1 import jobs_pb2

Spec = jobs_pb2.TrainingSpec
INT32, INT64 = 2**31 - 1, 2**63 - 1
LARGEST = {"seed": INT64}
"""Integers are up to INT32 otherwise."""


def build_spec(
    architecture: str,
    dataset: str,
    options: Mapping[str, Any] | None = None,
    optimizer: str | Mapping[str, Any] | None = None,
    early_stopping: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Spec:
    """The specification as a message; None is what is left out. Raises `InvalidArgument` for what no message can hold, all
    at once.
    """
    found = Faults()
    spec = Spec(
        architecture=found.check_text("architecture", architecture),
        dataset=found.check_text("dataset", dataset),
    )
    settings |= {"options": options, "optimizer": optimizer, "early_stopping": early_stopping}
    for name, value in settings.items():
        if value is not None:
            FILL[name](spec, name, value, found)
    found.raise_any()
    return spec


def spec_to_dict(spec: Spec | jobs_pb2.PredictionSpec) -> dict[str, Any]:
    """The specification with what is set, as it could be given to `train` again, or to `Model.predict_dataset`."""
    if isinstance(spec, jobs_pb2.PredictionSpec):
        return _read_part(spec)
    found = {field.name: READ.get(field.name, _as_is)(value) for field, value in spec.ListFields()}
    return {"architecture": spec.architecture, "dataset": spec.dataset, **found}


def _fill_text(spec: Spec, name: str, value: Any, found: Faults) -> None:
    setattr(spec, name, found.check_text(name, value))


def _fill_integer(spec: Spec, name: str, value: Any, found: Faults) -> None:
    if (checked := found.check_integer(name, value, LARGEST.get(name, INT32))) is not None:
        setattr(spec, name, checked)


def _fill_number(spec: Spec, name: str, value: Any, found: Faults) -> None:
    if (checked := found.check_number(name, value)) is not None:
        setattr(spec, name, checked)


def _fill_options(spec: Spec, name: str, value: Any, found: Faults) -> None:
    if (struct := found.check_struct(name, value)) is not None:
        getattr(spec, name).CopyFrom(struct)


def _fill_choice(spec: Spec, name: str, choice: Any, found: Faults) -> None:
    part: jobs_pb2.Optimizer | jobs_pb2.Schedule = getattr(spec, name)
    if isinstance(choice, str):
        choice = {"kind": choice}
    if not isinstance(choice, Mapping):
        found.add(name, f"must be a name or a dict with `kind`, but is {choice!r}")
        return
    part.SetInParent()
    part.kind = found.check_text(f"{name}.kind", choice.get("kind", ""))
    options = {key: value for key, value in choice.items() if key != "kind"}
    if options and (struct := found.check_struct(name, options)) is not None:
        part.options.CopyFrom(struct)


def _fill_part(spec: Spec, name: str, values: Any, found: Faults) -> None:
    """A message whose fields are numbers and names."""
    part = getattr(spec, name)
    known = ", ".join(part.DESCRIPTOR.fields_by_name)
    if not isinstance(values, Mapping):
        found.add(name, f"must be a dict with {known}, but is {values!r}")
        return
    part.SetInParent()
    for key, value in values.items():
        if key not in part.DESCRIPTOR.fields_by_name:
            found.add(f"{name}.{key}", f"there is no such option; there are {known}")
        elif (
            checked := _check(part.DESCRIPTOR.fields_by_name[key], f"{name}.{key}", value, found)
        ) is not None:
            setattr(part, key, checked)


def _fill_checkpoint(spec: Spec, name: str, settings: Any, found: Faults) -> None:
    """None and False are for off, True for the metric that one would take."""
    if isinstance(settings, Mapping):
        off: dict[str, Any] = {"every_epochs": 0} if settings.get("every_epochs", 1) is None else {}
        best = {"keep_best": "val/loss"} if settings.get("keep_best") is True else {}
        given = {key: value for key, value in settings.items() if value is not None and value is not False}
        settings = given | off | best
    _fill_part(spec, name, settings, found)


def _check(field: Any, path: str, value: Any, found: Faults) -> Any:
    match field.cpp_type:
        case field.CPPTYPE_STRING:
            return found.check_text(path, value)
        case field.CPPTYPE_INT32 | field.CPPTYPE_INT64:
            return found.check_integer(path, value, INT32 if field.cpp_type == field.CPPTYPE_INT32 else INT64)
        case _:
            return found.check_number(path, value)


def _fill_class_weights(spec: Spec, name: str, weights: Any, found: Faults) -> None:
    spec.class_weights.SetInParent()
    if weights == "balanced":
        spec.class_weights.balanced = True
        return
    if not isinstance(weights, Mapping):
        found.add(name, f"must be 'balanced' or a dict of weights by label, but is {weights!r}")
        return
    for key, value in weights.items():
        # Classes that are numbers, as those of digits, may be written as such.
        label = str(key) if isinstance(key, int) else found.check_text(name, key)
        if (weight := found.check_number(f"{name}.{label}", value)) is not None:
            spec.class_weights.weights[label] = weight


def _fill_names(spec: Spec, name: str, names: Any, found: Faults) -> None:
    if isinstance(names, str) or not isinstance(names, Sequence):
        found.add(name, f"must be a list of names, but is {names!r}")
        return
    getattr(spec, name).extend(found.check_text(f"{name}[{i}]", each) for i, each in enumerate(names))


def _fill_entries(spec: Spec, name: str, entries: Any, found: Faults) -> None:
    if isinstance(entries, str) or not isinstance(entries, Sequence):
        found.add(name, f"must be a list of names, or of dicts with one name each, but is {entries!r}")
    elif (struct := found.check_struct(name, {"entries": entries})) is not None:
        getattr(spec, name).CopyFrom(struct.fields["entries"].list_value)


FILL: Mapping[str, Callable[[Spec, str, Any, Faults], None]] = {
    **dict.fromkeys(("epochs", "batch_size", "seed"), _fill_integer),
    **dict.fromkeys(("validation_split", "test_split", "label_smoothing", "l1", "l2"), _fill_number),
    **dict.fromkeys(("gradient_clip_norm", "gradient_clip_value"), _fill_number),
    **dict.fromkeys(("loss", "validation_dataset"), _fill_text),
    **dict.fromkeys(("optimizer", "schedule"), _fill_choice),
    **dict.fromkeys(("early_stopping", "text"), _fill_part),
    "options": _fill_options,
    "checkpoint": _fill_checkpoint,
    "class_weights": _fill_class_weights,
    "metrics": _fill_names,
    "augmentation": _fill_entries,
}
"""How each argument gets into the message."""


def _as_is(value: Any) -> Any:
    return value


def _read_json(value: struct_pb2.Struct | struct_pb2.ListValue) -> Any:
    """Plain values; numbers without a fraction as int."""
    return _whole(json_format.MessageToDict(value))


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _read_choice(choice: jobs_pb2.Optimizer | jobs_pb2.Schedule) -> dict[str, Any]:
    return {"kind": choice.kind, **_read_json(choice.options)}


def _read_part(part: message.Message) -> dict[str, Any]:
    return {field.name: value for field, value in part.ListFields()}


def _read_class_weights(weights: jobs_pb2.ClassWeights) -> str | dict[str, float]:
    return "balanced" if weights.balanced else dict(weights.weights)


READ: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("options", "augmentation"), _read_json),
    **dict.fromkeys(("optimizer", "schedule"), _read_choice),
    **dict.fromkeys(("early_stopping", "text", "checkpoint"), _read_part),
    "class_weights": _read_class_weights,
    "metrics": list,
}
"""How what is not a number or a name is read back."""
