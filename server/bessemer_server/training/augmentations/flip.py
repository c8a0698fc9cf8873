"""Mirror images."""

from __future__ import annotations

import pydantic
import torch

from bessemer_server.layers.options import Options
from bessemer_server.training.augmentations import kinds


class FlipOptions(Options):
    """Mirrors images at random, by default left to right."""

    horizontal: bool = True
    """Left to right."""
    vertical: bool = False
    """Top to bottom."""
    probability: kinds.Share = 0.5
    """Of each image and direction, from 0 to 1."""

    @pydantic.model_validator(mode="after")
    def _has_direction(self) -> FlipOptions:
        if not (self.horizontal or self.vertical):
            raise ValueError("flips in no direction: set horizontal or vertical, or leave the flip out")
        return self


def apply(options: FlipOptions, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """One draw for each image and direction."""
    for is_wanted, dimension in ((options.horizontal, 3), (options.vertical, 2)):
        if is_wanted:
            drawn = kinds.draw(len(images), 0, 1, generator, images)
            images = torch.where(drawn < options.probability, images.flip(dimension), images)
    return images


FLIP = kinds.Augmentation("flip", FlipOptions, apply)
