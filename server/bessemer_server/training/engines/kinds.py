"""What an engine is, and the registry of all engines."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy.typing as npt

from bessemer_server.domain import registry
from bessemer_server.training import pending, published

Array = npt.NDArray[Any]
AUTO = "auto"
"""The name that stands for none: whichever is fastest."""


class CannotRun(Exception):
    """Why an engine is not for this model: a sentence."""


class Engine(Protocol):
    """A model that is ready to run, with the threads that its process has."""

    def run(self, inputs: Array) -> Array:
        """Outputs for raw inputs (of texts: token ids), as `published.Published.forward` gives them."""
        ...


@runtime_checkable
class Ahead(Engine, Protocol):
    """An engine whose device computes by itself."""

    def begin(self, inputs: Array) -> pending.Pending[Array]:
        """As `run`, without waiting for it: a second batch may begin while the first is computed. The inputs stay as they are until
        the result was taken.
        """
        ...


def beginning(engine: Engine) -> Callable[[Array], pending.Pending[Array]]:
    """How it begins: where its device computes by itself, without waiting for that. To be asked once: to look takes longer than many a
    network.
    """
    return engine.begin if isinstance(engine, Ahead) else lambda inputs: pending.of(engine.run(inputs))


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """An engine. A module-level value of this type in this package is found by the registry."""

    name: str
    build: Callable[[published.Published, int], Engine]
    """The engine for a model, with so many threads. It may keep the model or let go of it. Raises `CannotRun`."""
    devices: frozenset[str] = frozenset({"cpu", "cuda"})
    """Types of device that it runs on."""


REGISTRY: registry.Registry[Kind] = registry.Registry("engine", Kind, __package__, "bessemer.engines")
