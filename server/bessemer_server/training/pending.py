"""What a device computes while its process goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")
U = TypeVar("U")
AT_ONCE = 2
"""Results of one process that may be pending: one is computed, one waits for the device."""


@dataclasses.dataclass(slots=True, eq=False)
class Pending(Generic[T]):
    """A result that is being computed, or was."""

    done: Callable[[], bool]
    """Whether `result` would return at once."""
    result: Callable[[], T]
    """Wait for it; to be called once. Raises what the computation raised."""

    def then(self, step: Callable[[T], U]) -> Pending[U]:
        """What `step` makes of the result, when somebody wants it."""
        return Pending(self.done, lambda: step(self.result()))


def of(value: T) -> Pending[T]:
    """A result that is there."""
    return Pending(lambda: True, lambda: value)
