"""What the shapes of samples mean, and sentences for a layer that gets the wrong one.

(features,) is a table, (length, features) a sequence, (height, width, channels) an image.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from bessemer_server.layers import kinds

NAMES = {1: "flat", 2: "a sequence (length, features)", 3: "an image (height, width, channels)"}
IMAGE = 4
"""Axes of a batch of images."""


def need_image(shape: Sequence[int]) -> None:
    """Raise `LayerError` unless it is (height, width, channels)."""
    if len(shape) == 1:
        raise kinds.LayerError("it needs an image, and its input is flat: put it before flatten")
    if len(shape) != 3:
        raise kinds.LayerError(f"it needs an image (height, width, channels), and its input is {name(shape)}")


def need_sequence(shape: Sequence[int]) -> None:
    """Raise `LayerError` unless it is (length, features)."""
    if len(shape) != 2:
        raise kinds.LayerError(
            f"it needs a sequence (length, features), and its input is {name(shape)}: "
            "put an embedding before it, or a reshape to (length, features)"
        )


def name(shape: Sequence[int]) -> str:
    """`an image (height, width, channels)`."""
    return NAMES[len(shape)]


def to_last(inputs: torch.Tensor) -> torch.Tensor:
    """Features to the last axis: a view of images, others as they are."""
    return inputs.movedim(1, -1) if inputs.ndim == IMAGE else inputs


def from_last(outputs: torch.Tensor) -> torch.Tensor:
    """The way back from `to_last`."""
    return outputs.movedim(-1, 1) if outputs.ndim == IMAGE else outputs
