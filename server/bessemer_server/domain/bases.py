"""Models that were trained here and that another one begins with; options name them `model:<name>[@<version or alias>]`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from bessemer_server.domain.checkpoints import TensorEntry
from bessemer_server.domain.jobs import ModelReference
from bessemer_server.domain.models import Model

PREFIX = "model:"
KEY = "backbone"
"""What stands at this key in options, or at its `name`, may be such a model."""
REFERENCE = re.compile(
    r"model:(?P<name>[a-z0-9][a-z0-9._-]{0,62})(?:@(?P<version>[1-9][0-9]{0,8}|[A-Za-z][A-Za-z0-9._-]{0,62}))?"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Base:
    """What another model needs of one that was published."""

    layers: tuple[Any, ...]
    """Its layer list, as JSON."""
    input_shape: tuple[int, ...]
    tensors: tuple[TensorEntry, ...]
    """Its weights, by name of parameter."""

    @classmethod
    def of(cls, model: Model) -> Self:
        """Of a published classifier."""
        definition = model.definition
        return cls(tuple(definition["layers"]), tuple(definition["input_shape"]), model.weights.tensors)

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """The inverse of `dataclasses.asdict`, also after a way through JSON."""
        tensors = tuple(TensorEntry.from_json(entry) for entry in body["tensors"])
        return cls(tuple(body["layers"]), tuple(body["input_shape"]), tensors)


NO_BASES: Mapping[str, Base] = {}


def find(options: Any, path: str = "options") -> Iterator[tuple[str, str]]:
    """The path of each reference in options, and the reference."""
    found: list[tuple[str, str]] = []

    def note(place: str, reference: str) -> str:
        found.append((place, reference))
        return reference

    change(options, note, path)
    yield from found


def pinned(effective_spec: Mapping[str, Any]) -> tuple[ModelReference, ...]:
    """The models that a job begins with, by name, each with the version that it had when the job was submitted."""
    found = {reference.removeprefix(PREFIX) for _, reference in find(effective_spec.get("options", {}))}
    return tuple(map(ModelReference.parse, sorted(found)))


def change(options: Any, to: Callable[[str, str], str], path: str = "options") -> Any:
    """The options with `to(path, reference)` in place of each reference."""
    if isinstance(options, list):
        return [change(value, to, f"{path}[{index}]") for index, value in enumerate(options)]
    if not isinstance(options, Mapping):
        return options
    return {key: _change_entry(key, value, to, f"{path}.{key}") for key, value in options.items()}


def _change_entry(key: str, value: Any, to: Callable[[str, str], str], path: str) -> Any:
    if key == KEY and _is_reference(value):
        return to(path, value)
    if key == KEY and isinstance(value, Mapping) and _is_reference(value.get("name")):
        return {**value, "name": to(f"{path}.name", value["name"])}
    return change(value, to, path)


def _is_reference(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(PREFIX)
