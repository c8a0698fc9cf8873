"""Where in shared memory a tensor lies, as the parameters of the protocol say it. Pure."""

from __future__ import annotations

import dataclasses
from typing import Any

from bessemer_server.domain import errors
from bessemer_server.serving.parameters import Given

PREFIX = "shared_memory_"
REGION, OFFSET, BYTE_SIZE = f"{PREFIX}region", f"{PREFIX}offset", f"{PREFIX}byte_size"
KINDS = {REGION: "string_param", OFFSET: "int64_param", BYTE_SIZE: "int64_param"}


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """A part of a region; as it was stated, checked by nobody."""

    region: str
    offset: int
    """In bytes, from the beginning of the region."""
    byte_size: int


def read(given: Given, tensor: str) -> Place | None:
    """The place of `tensor`, e.g. `input 'image'`; None for one that comes and goes in messages. Raises `InvalidArgument` for a kind
    that does not fit, and for half a place.
    """
    stated = {name: given[name] for name in given if name.startswith(PREFIX)}
    if not stated:
        return None
    for name, (kind, _) in stated.items():
        _check(name, kind, tensor)
    for name in (REGION, BYTE_SIZE):
        if name not in stated:
            raise errors.InvalidArgument(
                f"'{name}' must be specified along with '{min(stated)}' for {tensor}"
            )
    return Place(_value(stated, REGION), _value(stated, OFFSET, 0), _value(stated, BYTE_SIZE))


def _check(name: str, kind: str, tensor: str) -> None:
    if name not in KINDS:
        raise errors.InvalidArgument(
            f"unknown parameter '{name}' for {tensor}; {errors.suggest(name, KINDS)}"
        )
    if kind != KINDS[name]:
        raise errors.InvalidArgument(
            f"invalid value type for '{name}' parameter for {tensor}, expected {KINDS[name]}"
        )


def _value(stated: Given, name: str, default: Any = None) -> Any:
    return stated[name][1] if name in stated else default
