"""A part of the store: see `ports.Store`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bessemer_server.domain.checkpoints import Checkpoint, Manifest, Retention
from bessemer_server.domain.jobs import Time
from bessemer_server.domain.pictures import Pictures


class Checkpoints(Protocol):
    """A job's checkpoints, and what a generator drew."""

    async def commit_checkpoint(
        self, job_id: str, attempt: int, manifest: Manifest, keep: Retention, now: Time
    ) -> Checkpoint:
        """Make a checkpoint visible, and remove those that `keep` does not keep. A job has one checkpoint per step: again is
        the first one. Resets `Job.losses`. Renews the lease. Raises `FailedPrecondition` when a blob is missing.
        """
        ...

    async def latest_checkpoint(self, job_id: str) -> Checkpoint | None:
        """The newest that is not known to be damaged. Raises `DamagedBlob` when it turns out that its manifest is: once that is
        marked, the one before is the newest.
        """
        ...

    async def list_checkpoints(self, job_id: str) -> Sequence[Checkpoint]:
        """Oldest first."""
        ...

    async def record_pictures(self, job_id: str, attempt: int, pictures: Pictures, now: Time) -> None:
        """Keep what a generator drew at the end of an epoch. Again: the first ones. Renews the lease."""
        ...

    async def picture_epochs(self, job_id: str) -> Sequence[int]:
        """Epochs that have pictures, in order."""
        ...

    async def get_pictures(self, job_id: str, epoch: int) -> Pictures:
        """Raises `NotFound`, with the epochs that there are."""
        ...
