"""What an engine is, and the registry of all engines."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol

import numpy.typing as npt

from bessemer_server.domain import registry
from bessemer_server.training import published

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


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """An engine. A module-level value of this type in this package is found by the registry."""

    name: str
    build: Callable[[published.Published, int], Engine]
    """The engine for a model, with so many threads. It may keep the model or let go of it. Raises `CannotRun`."""
    devices: frozenset[str] = frozenset({"cpu", "cuda"})
    """Types of device that it runs on."""


REGISTRY: registry.Registry[Kind] = registry.Registry("engine", Kind, __package__, "bessemer.engines")
