"""Options as data: the base of every options model, and pydantic's errors as sentences to act on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pydantic
import pydantic_core

from bessemer_server.domain import errors

EXACT_INTEGERS = 2**53
"""Up to here every whole number has a floating-point number of its own."""
MAX_DEPTH = 50
"""Of lists and dicts in one another; a message, whose depth is bounded, has room for fewer."""
TOO_DEEP = "too_deep"


class Options(pydantic.BaseModel):
    """Base of all options: strict, frozen, nothing unknown, no infinities; docstrings of fields are in the
    schema."""

    model_config = pydantic.ConfigDict(
        strict=True, frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )

    @pydantic.model_validator(mode="before")
    @classmethod
    def _whole_numbers(cls, value: Any) -> Any:
        """JSON has one type of number: 32.0 is the integer 32, as in JSON Schema."""
        if not isinstance(value, Mapping):
            return value
        for name, each in value.items():
            if _is_too_deep(each):  # whoever went through it, or wrote it down, would run out of stack
                raise pydantic_core.PydanticCustomError(
                    TOO_DEEP, "nested more than {levels} levels deep", {"levels": MAX_DEPTH, "field": name}
                )
        return {k: _whole(v) for k, v in value.items()}


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [each for each in level if isinstance(each, list | dict)]
        if not level:
            return False
        level = [inner for each in level for inner in (each.values() if isinstance(each, dict) else each)]
    return True


def _whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) <= EXACT_INTEGERS:
        return int(value)
    return [_whole(v) for v in value] if isinstance(value, list) else value


def violations(error: pydantic.ValidationError, model: type[Options], path: str) -> list[errors.Violation]:
    """One violation per fault, each with a path below `path` (empty for none) and a sentence."""
    return [
        errors.Violation(join(path, _location(detail)), _sentence(detail, model))
        for detail in error.errors(include_url=False)
    ]


def _location(detail: Any) -> Sequence[int | str]:
    location: Sequence[int | str] = detail["loc"]
    return (*location, detail["ctx"]["field"]) if detail["type"] == TOO_DEEP else location


def join(path: str, location: Sequence[int | str]) -> str:
    """`path` and what lies below it: `options.layers[2].conv2d.kernel`."""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def show(value: object) -> str:
    """The value as a user wrote it, cut when long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _sentence(detail: Any, model: type[Options]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == TOO_DEEP:
        return f"is nested more than {context['levels']} levels deep"
    given = show(detail["input"])
    match kind:
        case "missing":
            return "is required"
        case "extra_forbidden":
            return f"is unknown; {errors.suggest(detail['loc'][-1], _fields(model, detail['loc'][:-1]))}"
        case "value_error":
            return str(context["error"])
        case "literal_error":
            known = context["expected"].replace("'", "")
            return f"must be one of {known}, but is {given}"
        case "too_short" | "too_long":
            bound = ("min_length", "at least") if kind == "too_short" else ("max_length", "at most")
            noun = "entry" if context[bound[0]] == 1 else "entries"
            return f"must have {bound[1]} {context[bound[0]]} {noun}, but has {context['actual_length']}"
    if kind in _BOUNDS:
        word, key = _BOUNDS[kind]
        return f"must be {word} {context[key]}, but is {given}"
    if kind in _TYPES:
        return f"must be {_TYPES[kind]}, but is {given}"
    return f"{detail['msg'][0].lower()}{detail['msg'][1:]}, but is {given}"


_BOUNDS = {
    "greater_than": ("greater than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}
_TYPES = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a string",
    "list_type": "a list",
    "dict_type": "a dict",
    "model_type": "a dict of options by name",
    "model_attributes_type": "a dict of options by name",
}


def _fields(model: type[Options], location: Sequence[int | str]) -> list[str]:
    """Names of the fields of the model that lies at `location` in `model`."""
    found: list[type[Options]] = [model]
    for part in location:
        field = next((each.model_fields[str(part)] for each in found if str(part) in each.model_fields), None)
        if field is not None:
            found = _nested(field.annotation)
        elif isinstance(part, str):  # the tag of one of several models
            found = [each for each in found if _is_tagged(each, part)]
    return [name for each in found for name in each.model_fields]


def _nested(annotation: Any) -> list[type[Options]]:
    """The models that an annotation names."""
    if isinstance(annotation, type) and issubclass(annotation, Options):
        return [annotation]
    return [each for part in getattr(annotation, "__args__", ()) for each in _nested(part)]


def _is_tagged(model: type[Options], tag: str) -> bool:
    return any(tag in getattr(field.annotation, "__args__", ()) for field in model.model_fields.values())
