"""Windows of padded images."""

from __future__ import annotations

from typing import Annotated, Literal

import pydantic
import torch
from torch.nn import functional

from bessemer_server.layers import kinds as layers
from bessemer_server.layers.options import Options
from bessemer_server.training.augmentations import kinds


class CropOptions(Options):
    """Adds pixels around images, and cuts a window of the first size out at random: images move by whole pixels."""

    padding: Annotated[int, pydantic.Field(ge=1, le=4096)] = 4
    """Pixels that are added on each side, from 1."""
    fill: Literal["zeros", "edge", "reflect"] = "zeros"
    """What they are: black, the nearest pixel, or the image mirrored."""


PADDING = {"zeros": "constant", "edge": "replicate", "reflect": "reflect"}


def find_fault(options: CropOptions, shape: layers.Shape) -> str | None:
    """Padding as large as the image leaves windows with nothing of it."""
    side = min(shape[:2])
    if options.padding < side:
        return None
    return f"padding must be less than {side}, the shorter side of the images, but is {options.padding}"


def apply(options: CropOptions, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """One window for each image (He et al., 2015)."""
    count, _, height, width = images.shape
    starts = torch.randint(0, 2 * options.padding + 1, (2, count), generator=generator).to(images.device)
    padded = functional.pad(images, [options.padding] * 4, mode=PADDING[options.fill])
    rows = starts[0, :, None] + torch.arange(height, device=images.device)
    columns = starts[1, :, None] + torch.arange(width, device=images.device)
    each = torch.arange(count, device=images.device)[:, None, None]
    windows = padded.movedim(1, -1)[each, rows[:, :, None], columns[:, None, :]]
    return windows.movedim(-1, 1)


CROP = kinds.Augmentation("crop", CropOptions, apply, find_fault)
