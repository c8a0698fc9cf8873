"""What an optimizer is, and the registry of all of them."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

import pydantic
import torch

from bessemer_server.domain import registry
from bessemer_server.layers.options import Options

O = TypeVar("O", bound=Options)  # noqa: E741
LearningRate = Annotated[float, pydantic.Field(gt=0, le=1e6)]
Decay = Annotated[float, pydantic.Field(ge=0, lt=1)]


@dataclasses.dataclass(frozen=True, slots=True)
class Optimizer(Generic[O]):
    """A kind of optimizer. A module-level value of this type in this package is found by the registry."""

    name: str
    options: type[O]
    build: Callable[[O, Sequence[torch.nn.Parameter]], torch.optim.Optimizer]
    """Its state is per parameter and consists of tensors."""

    @property
    def description(self) -> str:
        """First paragraph of the options' docstring."""
        return " ".join((inspect.getdoc(self.options) or "").split("\n\n")[0].split())


REGISTRY: registry.Registry[Optimizer[Any]] = registry.Registry(
    "optimizer", Optimizer, __package__, "bessemer.optimizers"
)


def has_fused(parameters: Sequence[torch.nn.Parameter]) -> bool:
    """Whether torch updates parameters on this device in one kernel."""
    return parameters[0].device.type in {"cpu", "cuda"}
