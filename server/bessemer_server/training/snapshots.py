"""Copies between live tensors and the arrays of a snapshot."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch

from bessemer_server.training.learner import Learner

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


@runtime_checkable
class Freezing(Protocol):
    """A learner that never changes some of its state."""

    def frozen(self) -> Collection[str]:
        """Names in `state` of the tensors that `train_step` leaves as they are."""
        ...


class Copier:
    """Copies the state of one run again and again; what is frozen only once, and then gives the same arrays."""

    def __init__(self) -> None:
        self._frozen: dict[str, Array] = {}

    def copy(self, learner: Learner) -> dict[str, Array]:
        """All that the learner's state holds."""
        state = learner.state()
        if isinstance(learner, Freezing) and not self._frozen:
            self._frozen = to_arrays({name: state[name] for name in learner.frozen()})
        return {
            name: self._frozen[name] if name in self._frozen else _to_array(t) for name, t in state.items()
        }


def _to_array(tensor: torch.Tensor) -> Array:
    array = tensor.detach().cpu().numpy()
    return np.array(array, dtype=array.dtype.newbyteorder("<"), order="C", copy=True)
