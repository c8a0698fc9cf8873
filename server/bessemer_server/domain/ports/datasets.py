"""A part of the store: see `ports.Store`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bessemer_server.domain.datasets import Content, Dataset
from bessemer_server.domain.jobs import Time


class Datasets(Protocol):
    """Uploaded data sets."""

    async def create_dataset(self, content: Content, now: Time) -> Dataset:
        """Make an uploaded data set visible. The same content again: the first one. Raises `AlreadyExists` when the
        name has other content, `FailedPrecondition` when a blob is missing.
        """
        ...

    async def find_dataset(self, *, name: str = "", digest: str = "") -> Dataset | None:
        """The uploaded data set of that name, or of that digest."""
        ...

    async def list_datasets(self) -> Sequence[Dataset]:
        """Uploaded data sets, by name."""
        ...

    async def delete_dataset(self, name: str) -> None:
        """Raises `NotFound`, and `FailedPrecondition` that names the jobs which have not ended and train on it."""
        ...
