"""Whether two ways to compute a model agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
PROBABILITY, LEVEL = 1e-3, 1.0
"""Most that a probability, and a value of a picture, may differ: the sums behind them are added up in another order."""


def find_difference(expected: Array, given: Array) -> str | None:
    """What is wrong with `given`, as a sentence; None when nothing is."""
    if (given.dtype, given.shape) != (expected.dtype, expected.shape):
        return f"is {given.dtype.name} of shape {given.shape}, not {expected.dtype.name} of {expected.shape}"
    tolerance = LEVEL if expected.dtype == np.uint8 else PROBABILITY
    difference = np.abs(given.astype(np.float64) - expected.astype(np.float64)).max(initial=0)
    if not difference <= tolerance:  # NaN is no agreement
        return f"differs from torch's answer by {difference:.3g}; at most {tolerance:g} is allowed"
    return None
