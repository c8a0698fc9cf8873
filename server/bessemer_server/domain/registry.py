"""Registries that fill themselves: one file to add an entry, and no list to keep."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import pkgutil
from collections.abc import Iterator
from typing import Any, Generic, Protocol, TypeVar

from bessemer_server.domain import errors


class Named(Protocol):
    """What a registry can hold."""

    @property
    def name(self) -> str:
        """The name that users write."""
        ...


class Choice(Named, Protocol):
    """What is chosen by `kind`, beside options of its own."""

    @property
    def options(self) -> Any:
        """The model of its options."""
        ...


T = TypeVar("T", bound=Named)


class Registry(Generic[T]):
    """Every value of one type at the top level of a package's modules, and in entry points of other packages.

    Modules are imported at the first question, not before. An entry point names one such value.
    """

    def __init__(self, noun: str, kind: type[T], package: str, entry_points: str) -> None:
        self._noun = noun
        self._kind = kind
        self._package = package
        self._group = entry_points

    def __iter__(self) -> Iterator[T]:
        """Entries, by name."""
        return iter(self._entries.values())

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __str__(self) -> str:
        """Names, for a sentence."""
        return ", ".join(self._entries)

    @property
    def noun_with_article(self) -> str:
        """`a layer`, `an augmentation`."""
        return f"{'an' if self._noun[0] in 'aeiou' else 'a'} {self._noun}"

    def names(self) -> list[str]:
        """Names, sorted."""
        return list(self._entries)

    def get(self, name: str) -> T:
        """The entry of that name. Raises `errors.NotFound` with the nearest names."""
        if name not in self._entries:
            raise errors.NotFound(self.unknown(name))
        return self._entries[name]

    def unknown(self, name: str) -> str:
        """Sentence for a name that is not there."""
        return f"there is no {self._noun} {name!r}; {errors.suggest(name, self._entries)}"

    @functools.cached_property
    def _entries(self) -> dict[str, T]:
        found: dict[str, T] = {}
        for origin, entry in (*self._from_package(), *self._from_entry_points()):
            if found.setdefault(entry.name, entry) is not entry:
                raise ValueError(
                    f"{origin} brings a second {self._noun} named {entry.name!r}; rename one of them"
                )
        return dict(sorted(found.items()))

    def _from_package(self) -> Iterator[tuple[str, T]]:
        package = importlib.import_module(self._package)
        for info in pkgutil.iter_modules(package.__path__, prefix=f"{self._package}."):
            module = importlib.import_module(info.name)
            yield from ((info.name, v) for v in vars(module).values() if isinstance(v, self._kind))

    def _from_entry_points(self) -> Iterator[tuple[str, T]]:
        for point in importlib.metadata.entry_points(group=self._group):
            origin = f"entry point {point.name!r} of group {self._group!r}"
            entry = point.load()
            if not isinstance(entry, self._kind):
                raise TypeError(f"{origin} is a {type(entry).__name__}, not a {self._kind.__qualname__}")
            yield origin, entry
