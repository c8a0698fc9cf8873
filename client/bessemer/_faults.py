"""Arguments that no message can hold: collected, so that all are named at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format, struct_pb2

from bessemer import errors


class Faults:
    """Each check answers what it found sound, and keeps what was not."""

    def __init__(self) -> None:
        self._found: list[errors.Violation] = []

    def add(self, field: str, description: str) -> None:
        self._found.append(errors.Violation(field, description))

    def raise_any(self) -> None:
        if self._found:
            raise errors.InvalidArgument(violations=tuple(self._found))

    def check_text(self, field: str, value: Any) -> str:
        if not isinstance(value, str):
            self.add(field, f"must be a name, but is {value!r}")
        elif not value.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in value):
            self.add(field, f"must be text that UTF-8 can hold, but is {value!r}")
        else:
            return value
        return ""

    def check_integer(self, field: str, value: Any, maximum: int) -> int | None:
        number = value.item() if hasattr(value, "item") else value  # NumPy's integers are welcome
        if not isinstance(number, int) or isinstance(number, bool):
            self.add(field, f"must be an integer, but is {value!r}")
        elif abs(number) > maximum:
            self.add(field, f"must be at most {maximum}, but is {number}")
        else:
            return number
        return None

    def check_number(self, field: str, value: Any) -> float | None:
        number = value.item() if hasattr(value, "item") else value
        if isinstance(number, int | float) and not isinstance(number, bool):
            return float(number)
        self.add(field, f"must be a number, but is {value!r}")
        return None

    def check_struct(self, field: str, values: Any) -> struct_pb2.Struct | None:
        if not isinstance(values, Mapping):
            self.add(field, f"must be a dict, but is {values!r}")
            return None
        try:
            return json_format.ParseDict(_plain(values), struct_pb2.Struct())
        except (json_format.ParseError, TypeError, ValueError) as error:
            self.add(field, f"must hold only numbers, strings, booleans, lists and dicts: {error}")
            return None


def _plain(value: Any) -> Any:
    """Tuples as lists, NumPy's numbers as Python's."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.item() if hasattr(value, "item") and not isinstance(value, str) else value


def check_text(field: str, value: Any) -> str:
    """The value, if a message can hold it as text. Raises `InvalidArgument`."""
    found = Faults()
    text = found.check_text(field, value)
    found.raise_any()
    return text
