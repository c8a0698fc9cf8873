"""Images that are partly another one."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pydantic
import torch

from bessemer_server.layers.options import Options
from bessemer_server.training.augmentations import kinds


class MixupOptions(Options):
    """Mixes each image with another of its batch, and their losses alike (Zhang et al., 2018). The last in a list."""

    alpha: Annotated[float, pydantic.Field(gt=0, le=100)] = 0.2
    """Shares are drawn from Beta(alpha, alpha): the smaller, the less is mixed; above 0, up to 100."""


def apply(options: MixupOptions, images: torch.Tensor, generator: torch.Generator) -> kinds.Mixed:
    """One share for the batch, the larger of the two: so the label that counts more is an image's own."""
    share = _draw_share(options.alpha, generator)
    partners = torch.randperm(len(images), generator=generator).to(images.device)
    return kinds.Mixed(share * images + (1 - share) * images[partners], share, partners)


def _draw_share(alpha: float, generator: torch.Generator) -> float:
    # torch.distributions takes no generator.
    seed = int(torch.randint(2**62, (), generator=generator))
    share = float(np.random.default_rng(seed).beta(alpha, alpha))
    return max(share, 1 - share)


MIXUP = kinds.Augmentation("mixup", MixupOptions, apply)
