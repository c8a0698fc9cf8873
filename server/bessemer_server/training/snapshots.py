"""Copies between live tensors and the arrays of a snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

Array = npt.NDArray[Any]


def to_arrays(tensors: Mapping[str, torch.Tensor]) -> dict[str, Array]:
    """Copies: row-major, little-endian, on the host."""
    return {name: _to_array(tensor) for name, tensor in tensors.items()}


def to_tensors(arrays: Mapping[str, Array], prefix: str = "") -> dict[str, torch.Tensor]:
    """Copies of those arrays whose name begins with `prefix`, which is taken off.

    They lie in memory that torch made: results may depend on alignment.
    """
    return {
        name.removeprefix(prefix): torch.tensor(array)
        for name, array in arrays.items()
        if name.startswith(prefix)
    }


def _to_array(tensor: torch.Tensor) -> Array:
    array = tensor.detach().cpu().numpy()
    return np.array(array, dtype=array.dtype.newbyteorder("<"), order="C", copy=True)
