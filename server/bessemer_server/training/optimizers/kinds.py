"""What an optimizer is, and the registry of all of them."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar

import pydantic
import torch

from bessemer_server.domain import registry
from bessemer_server.layers.options import Options

LearningRate = Annotated[float, pydantic.Field(gt=0, le=1e6)]
Decay = Annotated[float, pydantic.Field(ge=0, lt=1)]
WeightDecay = Annotated[float, pydantic.Field(ge=0, le=1e6)]


class OptimizerOptions(Options):
    """Base of the options of optimizers."""

    learning_rate: LearningRate
    """Size of a step, greater than 0."""


O = TypeVar("O", bound=OptimizerOptions)  # noqa: E741


@dataclasses.dataclass(frozen=True, slots=True)
class Update:
    """What one update works on: all parameters side by side."""

    parameters: list[torch.Tensor]
    gradients: list[torch.Tensor]
    slots: dict[str, list[torch.Tensor]]
    """Each slot of all parameters; changed in place."""
    learning_rate: float
    """Of this step: a schedule may have changed that of the options."""
    fused: bool
    """Whether torch has one kernel for all of it on this device."""


@dataclasses.dataclass(frozen=True, slots=True)
class Optimizer(Generic[O]):
    """A kind of optimizer. A module-level value of this type in this package is found by the registry."""

    name: str
    options: type[O]
    """Has a field `learning_rate`."""
    slots: Callable[[O, torch.Tensor], dict[str, torch.Tensor]]
    """What is remembered of a parameter from step to step, as it is before the first one."""
    update: Callable[[O, Update], None]
    """Take one step: change parameters and slots in place."""

    @property
    def description(self) -> str:
        """First paragraph of the options' docstring."""
        return " ".join((inspect.getdoc(self.options) or "").split("\n\n")[0].split())


REGISTRY: registry.Registry[Optimizer[Any]] = registry.Registry(
    "optimizer", Optimizer, __package__, "bessemer.optimizers"
)
