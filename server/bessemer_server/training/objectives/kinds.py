"""What a loss is, and the registry of all of them. Shapes: N samples, K classes."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Protocol

import torch

from bessemer_server.domain import registry

DEFAULT = "cross_entropy"


class Compute(Protocol):
    """A loss as a function."""

    def __call__(
        self, logits: torch.Tensor, labels: torch.Tensor, smoothing: float, reduction: str
    ) -> torch.Tensor:
        """Logits [N, K] and labels [N] → losses [N] for the reduction `none`; or their `mean`, or their `sum`."""
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class Loss:
    """A loss. A module-level value of this type in this package is found by the registry."""

    name: str
    compute: Compute
    """Stable for logits of any size. Its docstring describes the loss."""
    classes: int | None = None
    """The only number of classes that it is for; None: any."""
    takes_one_unit: bool = False
    """Whether it tells two classes apart by the single score of a network that ends in one unit."""

    @property
    def description(self) -> str:
        """First paragraph of the docstring of `compute`."""
        return " ".join((inspect.getdoc(self.compute) or "").split("\n\n")[0].split())


REGISTRY: registry.Registry[Loss] = registry.Registry("loss", Loss, __package__, "bessemer.losses")
