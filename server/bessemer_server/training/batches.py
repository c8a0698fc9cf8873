"""Batches that are as large as memory allows, which nobody knows before: a forward that runs out of memory is done again in
halves, and later batches come in parts of that size.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bessemer_server.domain import errors
from bessemer_server.training import pending, predictors

Arrays = Mapping[str, npt.NDArray[Any]]
log = logging.getLogger(__name__)
_ALLOCATORS = ("DefaultCPUAllocator", "Failed to allocate memory", "bad_alloc", "bad allocation")
"""What torch and ONNX Runtime say of a failed allocation on the CPU, for which neither has a type."""


class Bounded:
    """A predictor that takes batches of any size."""

    def __init__(self, predictor: predictors.Predictor) -> None:
        self._predictor = predictor
        self.limit: int | None = None
        """Most samples that go through at once; None: no batch was too large so far."""

    def predict(self, inputs: Arrays, limit: int | None = None) -> dict[str, npt.NDArray[Any]]:
        """Outputs by name; `limit` lowers the limit from now on. Raises `errors.ResourceExhausted` for a sample that does not fit
        alone.
        """
        return self.begin(inputs, limit).result()

    def begin(self, inputs: Arrays, limit: int | None = None) -> pending.Pending[dict[str, npt.NDArray[Any]]]:
        """As `predict`, without waiting for a device that computes by itself; at most `pending.AT_ONCE` at a time. See
        `predictors.Predictor.begin`.
        """
        self._lower(limit)
        rows = min([len(array) for array in inputs.values()])
        if self.limit is None or rows <= self.limit:
            try:
                return self._predictor.begin(inputs)
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                self._shrink(rows, error)
        size = self.limit or rows
        parts = [
            self.predict({name: array[start : start + size] for name, array in inputs.items()})
            for start in range(0, rows, size)
        ]
        return pending.of({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})

    def _lower(self, limit: int | None) -> None:
        if limit is not None:
            self.limit = min(limit, self.limit or limit)

    def _shrink(self, rows: int, error: Exception) -> None:
        if rows <= 1:
            raise errors.ResourceExhausted(
                f"the memory does not suffice for one sample: {str(error).splitlines()[0] if str(error) else 'out of memory'}",
                reason="OUT_OF_MEMORY",
            ) from error
        self._lower(rows // 2)
        log.warning("batch too large", extra={"rows": rows, "limit": self.limit})


def is_out_of_memory(error: Exception) -> bool:
    """Whether an allocation failed."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(word in str(error) for word in _ALLOCATORS)
