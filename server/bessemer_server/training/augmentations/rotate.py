"""Turned, moved and scaled images: one affine map each."""

from __future__ import annotations

import math
from typing import Annotated

import pydantic
import torch
from torch.nn import functional

from bessemer_server.layers.options import Options
from bessemer_server.training.augmentations import kinds

Part = Annotated[float, pydantic.Field(ge=0, lt=1)]


class RotateOptions(Options):
    """Turns images about their centre at random, and moves and scales them if wanted; pixels between others are interpolated."""

    degrees: Annotated[float, pydantic.Field(ge=0, le=180)] = 15.0
    """By up to this angle to either side, from 0 to 180."""
    shift: Part = 0.0
    """Moves by up to this share of height and width, from 0 up to but not 1."""
    zoom: Part = 0.0
    """Scales by a factor from 1 - zoom to 1 + zoom; from 0 up to but not 1."""
    fill: kinds.Fill = "zeros"
    """What comes in from outside: black, or the nearest pixel."""


PADDING = {"zeros": "zeros", "edge": "border"}


def apply(options: RotateOptions, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """One map for each image, with bilinear interpolation."""
    count, _, height, width = images.shape
    angle, right, down, scale = torch.rand(4, count, generator=generator, dtype=torch.float64) * 2 - 1
    maps = invert(
        angle * math.radians(options.degrees), right * options.shift * 2, down * options.shift * 2,
        1 + scale * options.zoom, width / height,
    )  # fmt: skip
    grid = functional.affine_grid(
        maps.float().to(images.device), [count, 1, height, width], align_corners=False
    )
    return functional.grid_sample(images, grid, padding_mode=PADDING[options.fill], align_corners=False)


def invert(
    angle: torch.Tensor, right: torch.Tensor, down: torch.Tensor, scale: torch.Tensor, aspect: float
) -> torch.Tensor:
    """Maps [N, 2, 3] from a place in the new image to where it was, both in -1..1; the angle is counter-clockwise."""
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    columns = torch.stack([cos, -sin / aspect, sin * aspect, cos], dim=1).view(-1, 2, 2)
    moved = torch.stack([right, down], dim=1).unsqueeze(2)
    return torch.cat([columns, -columns @ moved], dim=2)


ROTATE = kinds.Augmentation("rotate", RotateOptions, apply)
