"""Lists of what is chosen by name, each with options of its own: layers, augmentations."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar

import pydantic

from bessemer_server.domain import errors, registry
from bessemer_server.layers import options

C = TypeVar("C", bound=registry.Choice)


@dataclasses.dataclass(frozen=True, slots=True)
class Entry(Generic[C]):
    """A kind with its options."""

    kind: C
    options: Any

    def to_json(self) -> dict[str, Any]:
        """With every default filled in; `parse` takes it back."""
        return {self.kind.name: self.options.model_dump(mode="json")}


def parse(
    values: Sequence[Any], path: str, kinds: registry.Registry[C], example: str
) -> tuple[Entry[C], ...]:
    """Check a list whose entries are names, or one name with its options as in `example`.

    Raises `errors.InvalidArgument` with every violation, each at `path[index]...`.
    """
    found: list[errors.Violation] = []
    parsed: list[Entry[C]] = []
    for index, value in enumerate(values):
        try:
            parsed.append(_parse_entry(value, f"{path}[{index}]", kinds, example))
        except errors.InvalidArgument as error:
            found.extend(error.violations)
    if found:
        raise errors.InvalidArgument(violations=found)
    return tuple(parsed)


def _parse_entry(value: Any, path: str, kinds: registry.Registry[C], example: str) -> Entry[C]:
    if isinstance(value, str):
        value = {value: {}}
    if not isinstance(value, Mapping) or len(value) != 1:
        description = (
            f"must be the name of {kinds.noun_with_article} or one such name with its options, as {example}, "
            f"but is {options.show(value)}; known are {kinds}"
        )
        raise errors.InvalidArgument(violations=[errors.Violation(path, description)])
    name, values = next(iter(value.items()))
    if name not in kinds:
        raise errors.InvalidArgument(violations=[errors.Violation(path, kinds.unknown(name))])
    kind = kinds.get(name)
    try:
        return Entry(kind, kind.options.model_validate(values))
    except pydantic.ValidationError as error:
        raise errors.InvalidArgument(
            violations=options.violations(error, kind.options, f"{path}.{name}")
        ) from error
