"""Mirror images."""

from __future__ import annotations

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


def apply(options: FlipOptions, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """One draw for each image and direction."""
    for is_wanted, dimension in ((options.horizontal, 3), (options.vertical, 2)):
        if is_wanted:
            drawn = kinds.draw(len(images), 0, 1, generator, images)
            images = torch.where(drawn < options.probability, images.flip(dimension), images)
    return images


FLIP = kinds.Augmentation("flip", FlipOptions, apply)
