"""A job's list of augmentations, at work on its training batches."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from bessemer_server.domain import errors
from bessemer_server.layers import entries
from bessemer_server.layers import kinds as layers
from bessemer_server.training import randomness
from bessemer_server.training.augmentations import kinds, mixup

Entry = entries.Entry[kinds.Augmentation[Any]]
EXAMPLE = '{"crop": {"padding": 4}}'


def parse(values: Sequence[Any]) -> tuple[Entry, ...]:
    """Check a list. Raises `errors.InvalidArgument` with every violation, each at `augmentation[index]...`."""
    return entries.parse(values, "augmentation", kinds.REGISTRY, EXAMPLE)


def find_faults(chosen: Sequence[Entry], shape: layers.Shape) -> Iterator[errors.Violation]:
    """A violation for each that does not suit images of (height, width, channels)."""
    for index, entry in enumerate(chosen):
        fault = entry.kind.find_fault(entry.options, shape)
        if entry.kind is mixup.MIXUP and index < len(chosen) - 1:
            fault = "must be the last: what follows would change images that are two"
        if fault:
            yield errors.Violation(f"augmentation[{index}].{entry.kind.name}", fault)


@dataclasses.dataclass(frozen=True, slots=True)
class Augmenter:
    """Changes batches, each draw keyed by seed, epoch, step and place in the list."""

    chosen: Sequence[Entry]
    seed: int

    @torch.no_grad()
    def __call__(self, images: torch.Tensor, epoch: int, step: int) -> kinds.Mixed:
        """The images [N, C, H, W] in 0..1, changed; the same for the same keys, on every device."""
        mixed = kinds.Mixed(images)
        for index, entry in enumerate(self.chosen):
            generator = randomness.generator(self.seed, "augmentation", epoch, step, index)
            changed = entry.kind.apply(entry.options, mixed.images, generator)
            mixed = changed if isinstance(changed, kinds.Mixed) else kinds.Mixed(changed)
        return mixed
