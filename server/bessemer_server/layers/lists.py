"""Layer lists: from JSON to checked options, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pydantic

from bessemer_server.domain import errors
from bessemer_server.layers import kinds, options


@dataclasses.dataclass(frozen=True, slots=True)
class Layer:
    """A kind of layer with its options."""

    kind: kinds.Kind[Any]
    options: options.Options

    @property
    def activation(self) -> str | None:
        """Name of the activation that it applies last; None for a kind without one."""
        return getattr(self.options, self.kind.activation) if self.kind.activation else None

    def with_activation(self, name: str) -> Layer:
        """The same layer with another activation."""
        return Layer(self.kind, self.options.model_copy(update={str(self.kind.activation): name}))


def parse(entries: Sequence[Any], path: str) -> tuple[Layer, ...]:
    """Check a layer list. Raises `errors.InvalidArgument` with every violation, each at `path[index]...`."""
    found: list[errors.Violation] = []
    layers = [_parse_entry(entry, f"{path}[{index}]", found) for index, entry in enumerate(entries)]
    if found:
        raise errors.InvalidArgument(violations=found)
    return tuple(layer for layer in layers if layer)


def to_json(layers: Sequence[Layer]) -> list[dict[str, Any]]:
    """The list with every default filled in; `parse` takes it back."""
    return [{layer.kind.name: layer.options.model_dump(mode="json")} for layer in layers]


def _parse_entry(entry: Any, path: str, found: list[errors.Violation]) -> Layer | None:
    if isinstance(entry, str):
        entry = {entry: {}}
    if not isinstance(entry, Mapping) or len(entry) != 1:
        found.append(
            errors.Violation(
                path,
                "must be the name of a layer or one such name with its options, as "
                '{"dense": {"units": 10}}, '
                f"but is {options.show(entry)}; known are {kinds.REGISTRY}",
            )
        )
        return None
    name, values = next(iter(entry.items()))
    try:
        kind = kinds.REGISTRY.get(name)
        return Layer(kind, kind.options.model_validate(values))
    except errors.NotFound as error:
        found.append(errors.Violation(path, error.message))
    except pydantic.ValidationError as error:
        found.extend(options.violations(error, kind.options, f"{path}.{name}"))
    return None
