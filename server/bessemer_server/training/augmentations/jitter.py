"""Other light and other colours."""

from __future__ import annotations

import torch

from bessemer_server.layers import kinds as layers
from bessemer_server.layers.options import Options
from bessemer_server.training.augmentations import kinds

LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in grey (ITU-R BT.601)."""


class JitterOptions(Options):
    """Changes brightness, contrast and saturation at random, each by a factor from 1 - x to 1 + x."""

    brightness: kinds.Share = 0.2
    """x for brightness, from 0 to 1."""
    contrast: kinds.Share = 0.2
    """x for contrast, from 0 to 1."""
    saturation: kinds.Share = 0.0
    """x for saturation, from 0 to 1; of colour images."""


def find_fault(options: JitterOptions, shape: layers.Shape) -> str | None:
    """Grey images have no saturation."""
    if options.saturation and shape[2] != len(LUMA):
        return f"saturation is for images of 3 channels, but these have {shape[2]}; leave it out"
    return None


def apply(options: JitterOptions, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """One factor of each kind for each image; what leaves 0..1 is cut off."""
    if options.brightness:
        images = images * _draw(options.brightness, images, generator)
    if options.contrast:
        images = _blend(images, _grey(images).mean(dim=(1, 2, 3), keepdim=True), options.contrast, generator)
    if options.saturation:
        images = _blend(images, _grey(images), options.saturation, generator)
    return images.clamp(0, 1)


def _grey(images: torch.Tensor) -> torch.Tensor:
    if images.shape[1] != len(LUMA):
        return images.mean(dim=1, keepdim=True)
    return (images * images.new_tensor(LUMA).view(1, -1, 1, 1)).sum(dim=1, keepdim=True)


def _blend(images: torch.Tensor, other: torch.Tensor, x: float, generator: torch.Generator) -> torch.Tensor:
    return other + (images - other) * _draw(x, images, generator)


def _draw(x: float, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return kinds.draw(len(images), 1 - x, 1 + x, generator, images)


JITTER = kinds.Augmentation("jitter", JitterOptions, apply, find_fault)
