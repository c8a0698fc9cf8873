"""Images with a hole."""

from __future__ import annotations

from typing import Annotated

import pydantic
import torch

from bessemer_server.layers import kinds as layers
from bessemer_server.layers.options import Options
from bessemer_server.training.augmentations import kinds


class CutoutOptions(Options):
    """Makes a square of each image black, at a random place (DeVries and Taylor, 2017)."""

    size: Annotated[int, pydantic.Field(ge=1, le=4096)] = 8
    """Side of the square in pixels, from 1; its centre lies in the image, the rest may not."""


def find_fault(options: CutoutOptions, shape: layers.Shape) -> str | None:
    """A square that can hide all of an image."""
    side = min(shape[:2])
    if options.size <= side:
        return None
    return f"size must be at most {side}, the shorter side of the images, but is {options.size}"


def apply(options: CutoutOptions, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """One square for each image."""
    count, _, height, width = images.shape
    rows = _inside(height, options.size, count, generator, images.device)
    columns = _inside(width, options.size, count, generator, images.device)
    return images.masked_fill((rows[:, :, None] & columns[:, None, :]).unsqueeze(1), 0.0)


def _inside(
    length: int, size: int, count: int, generator: torch.Generator, device: torch.device
) -> torch.Tensor:
    """Which places along a side lie in the square: [N, length]."""
    centres = torch.randint(0, length, (count, 1), generator=generator).to(device)
    places = torch.arange(length, device=device)
    return (places >= centres - size // 2) & (places < centres - size // 2 + size)


CUTOUT = kinds.Augmentation("cutout", CutoutOptions, apply, find_fault)
