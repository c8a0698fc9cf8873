"""What a kind of layer is, and the registry of all kinds."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import torch
from torch import nn

from bessemer_server.domain import registry
from bessemer_server.layers.options import Options

O = TypeVar("O", bound=Options)  # noqa: E741
Shape = tuple[int, ...]
"""(features,), (length, features) or (height, width, channels): without batch, channels-last."""


class LayerError(Exception):
    """A layer that cannot take its input: a sentence that says why, and what to do."""


@runtime_checkable
class Initialisable(Protocol):
    """A module with parameters: sets them, all of its randomness from the generator."""

    def initialise(self, generator: torch.Generator) -> None: ...


@runtime_checkable
class Random(Protocol):
    """A module that draws numbers while it trains: all of them a function of the key it was given last."""

    def reseed(self, key: int) -> None: ...


@dataclasses.dataclass(frozen=True, slots=True)
class Kind(Generic[O]):
    """A kind of layer. A module-level value of this type in this package is found by the registry.

    Modules take and give images as NCHW, sequences as NLF and tables as NF. One that has parameters or buffers
    is `Initialisable`, one that draws numbers in training is `Random`. Where `options` has fields without a
    default, its schema carries `examples`, which the tests over the registry build and train.
    """

    name: str
    options: type[O]
    build: Callable[[O, Shape], tuple[nn.Module, Shape]]
    """Module and output shape for an input shape; called under torch's meta device. Raises `LayerError`."""
    describe: Callable[[O], str] = lambda options: ""
    """The options in a few words, for a summary."""
    activation: str | None = None
    """The option that names the activation which the layer applies last, if it has one."""

    @property
    def takes_ids(self) -> bool:
        """Whether its input is token ids: then the option `vocabulary` says how many there are."""
        return "vocabulary" in self.options.model_fields

    @property
    def description(self) -> str:
        """First paragraph of the options' docstring."""
        return " ".join((inspect.getdoc(self.options) or "").split("\n\n")[0].split())


REGISTRY: registry.Registry[Kind[Any]] = registry.Registry("layer", Kind, __package__, "bessemer.layers")
