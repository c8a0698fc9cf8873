"""What an augmentation is, and the registry of all of them. Shapes: N images, C channels, H × W pixels."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Annotated, Any, Generic, Literal, TypeVar

import pydantic
import torch

from bessemer_server.domain import registry
from bessemer_server.layers import kinds as layers
from bessemer_server.layers.options import Options

O = TypeVar("O", bound=Options)  # noqa: E741
Share = Annotated[float, pydantic.Field(ge=0, le=1)]
Fill = Literal["zeros", "edge"]


@dataclasses.dataclass(frozen=True, slots=True)
class Mixed:
    """Images of which each is `share` itself, and the rest another one's: that at `partners` in the batch."""

    images: torch.Tensor
    """Float32 [N, C, H, W]."""
    share: float = 1.0
    partners: torch.Tensor | None = None
    """Indices [N]; None: nothing is mixed."""

    def loss(
        self,
        compute: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        logits: torch.Tensor,
        labels: torch.Tensor,
    ) -> torch.Tensor:
        """`compute(logits, labels)`, mixed as the images are."""
        if self.partners is None:
            return compute(logits, labels)
        return self.share * compute(logits, labels) + (1 - self.share) * compute(
            logits, labels[self.partners]
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Augmentation(Generic[O]):
    """A kind of augmentation. A module-level value of this type in this package is found by the registry."""

    name: str
    options: type[O]
    apply: Callable[[O, torch.Tensor, torch.Generator], torch.Tensor | Mixed]
    """Images [N, C, H, W], float32 in 0..1 on any device → the same changed; draws come from the generator, on the CPU."""
    find_fault: Callable[[O, layers.Shape], str | None] = lambda options, shape: None
    """Why images of (height, width, channels) cannot be changed so, as a sentence; None when they can."""

    @property
    def description(self) -> str:
        """First paragraph of the options' docstring."""
        return " ".join((inspect.getdoc(self.options) or "").split("\n\n")[0].split())


REGISTRY: registry.Registry[Augmentation[Any]] = registry.Registry(
    "augmentation", Augmentation, __package__, "bessemer.augmentations"
)


def draw(
    count: int, low: float, high: float, generator: torch.Generator, images: torch.Tensor
) -> torch.Tensor:
    """Uniform numbers [N, 1, 1, 1] where the images are."""
    numbers = torch.rand(count, generator=generator) * (high - low) + low
    return numbers.to(images.device).view(-1, 1, 1, 1)
