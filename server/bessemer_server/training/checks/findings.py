"""What is wrong with a specification, collected so that all is told at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import pydantic

from bessemer_server.domain import errors, registry
from bessemer_server.layers.options import Options, violations
from bessemer_server.training.config import TrainingConfig

T = TypeVar("T", bound=registry.Named)
P = TypeVar("P", bound=Options)
C = TypeVar("C", bound=registry.Choice)


class Findings:
    """Violations. Each check answers what it found sound, and adds what was not."""

    def __init__(self) -> None:
        self._found: list[errors.Violation] = []

    def reject(self, path: str, description: str) -> None:
        """Add a violation."""
        self._found.append(errors.Violation(path, description))

    def extend(self, violations: Iterable[errors.Violation]) -> None:
        """Add violations."""
        self._found.extend(violations)

    def raise_any(self) -> None:
        """Raise `errors.InvalidArgument` with all that was found, if anything was."""
        if self._found:
            raise errors.InvalidArgument(violations=self._found)

    def config(self, spec: Mapping[str, Any]) -> TrainingConfig:
        """The specification, with defaults in place of faulty fields."""
        try:
            return TrainingConfig.model_validate(spec)
        except pydantic.ValidationError as error:
            self._found.extend(violations(error, TrainingConfig, ""))
            faulty = {detail["loc"][0] for detail in error.errors() if detail["loc"]}
        sound = {name: value for name, value in spec.items() if name not in faulty}
        return TrainingConfig.model_validate(sound)

    def entry(self, entries: registry.Registry[T], name: str, path: str) -> T | None:
        """The entry of that name."""
        if name in entries:
            return entries.get(name)
        # A field whose type was wrong has its violation, and an empty name here.
        if not any(violation.field == path for violation in self._found):
            self.reject(path, entries.unknown(name) if name else f"is required; known are {entries}")
        return None

    def options(self, model: type[P], values: Mapping[str, Any], path: str) -> P | None:
        """The options as the model has them."""
        try:
            return model.model_validate(values)
        except pydantic.ValidationError as error:
            self._found.extend(violations(error, model, path))
        return None

    def choice(
        self, entries: registry.Registry[C], values: Mapping[str, Any], path: str, default: str
    ) -> tuple[C | None, Any]:
        """What `kind` names, and its options."""
        kind = values.get("kind", "")
        if not isinstance(kind, str):
            self.reject(f"{path}.kind", f"must be a name; known are {entries}")
            return None, None
        entry = self.entry(entries, kind or default, f"{path}.kind")
        if entry is None:
            return None, None
        rest = {name: value for name, value in values.items() if name != "kind"}
        return entry, self.options(entry.options, rest, path)
