"""Layer lists: from JSON to checked options, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bessemer_server.layers import entries, kinds

EXAMPLE = '{"dense": {"units": 10}}'


class Layer(entries.Entry[kinds.Kind[Any]]):
    """A kind of layer with its options."""

    __slots__ = ()

    @property
    def activation(self) -> str | None:
        """Name of the activation that it applies last; None for a kind without one."""
        return getattr(self.options, self.kind.activation) if self.kind.activation else None

    def with_activation(self, name: str) -> Layer:
        """The same layer with another activation."""
        return Layer(self.kind, self.options.model_copy(update={str(self.kind.activation): name}))


def parse(values: Sequence[Any], path: str) -> tuple[Layer, ...]:
    """Check a layer list. Raises `errors.InvalidArgument` with every violation, each at `path[index]...`."""
    return tuple(
        Layer(entry.kind, entry.options) for entry in entries.parse(values, path, kinds.REGISTRY, EXAMPLE)
    )


def to_json(layers: Sequence[Layer]) -> list[dict[str, Any]]:
    """The list with every default filled in; `parse` takes it back."""
    return [layer.to_json() for layer in layers]
