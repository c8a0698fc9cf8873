"""google.protobuf.Struct to and from plain JSON values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import json_format, struct_pb2


def to_json(struct: struct_pb2.Struct) -> dict[str, Any]:
    """The struct's values; numbers without a fraction come back as int, since a Struct has only doubles."""
    return {key: _value(value) for key, value in struct.fields.items()}


def to_list(values: struct_pb2.ListValue) -> list[Any]:
    """The list's values, as `to_json` has them."""
    return [_value(value) for value in values.values]


def _value(value: struct_pb2.Value) -> Any:
    match value.WhichOneof("kind"):
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return to_json(value.struct_value)
        case "list_value":
            return [_value(item) for item in value.list_value.values]
        case _:
            return None


def to_list_value(values: Sequence[Any]) -> struct_pb2.ListValue:
    """The values as a message."""
    found: struct_pb2.ListValue = to_struct({"values": list(values)}).fields["values"].list_value
    return found


def to_struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    """The values as a struct."""
    return json_format.ParseDict(dict(values), struct_pb2.Struct())
