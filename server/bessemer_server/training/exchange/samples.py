"""Inputs to try a model with: always the same for the same definition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from bessemer_server.data import text
from bessemer_server.training.exchange import interfaces

COUNT = 16
SEED = 20


def draw(definition: Mapping[str, Any], count: int = COUNT) -> npt.NDArray[Any]:
    """`count` samples, from faint to strong: what saturates a network would hide a difference."""
    given, _ = interfaces.of(definition)
    generator = np.random.default_rng(SEED)
    strength = np.linspace(0, 1, count).reshape(-1, *(1 for _ in given.shape))
    shape = (count, *given.shape)
    match definition["preprocessing"]:
        case _ if given.name == "noise":
            values = generator.standard_normal(shape)
        case {"kind": "text", "words": words, "length": length}:
            ids = generator.integers(text.UNKNOWN, text.FIRST_WORD + len(words), shape)
            first = np.round((1 - strength) * length)
            values = np.where(np.arange(length) < first, text.PADDING, ids)
        case {"kind": "rescale", "scale": scale}:
            values = generator.random(shape) * scale * strength
        case {"mean": mean, "deviation": deviation}:
            values = np.array(mean) + 2 * strength * np.array(deviation) * generator.standard_normal(shape)
    return values.astype(given.dtype)
