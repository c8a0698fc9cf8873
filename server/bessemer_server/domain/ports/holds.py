"""A part of the store: see `ports.Store`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from bessemer_server.domain.holders import Holder, Sweep
from bessemer_server.domain.jobs import Time


class Holds(Protocol):
    """Who needs which blobs: what nobody needs is collected, what is damaged is told."""

    async def hold_blobs(self, holder: Holder, digests: Iterable[str], now: Time) -> Sequence[str]:
        """Before blobs are put that something shall refer to: none of them is collected until the holder has referred to
        it, or is over. Returns those that are not there, or damaged. Raises `StaleAttempt` for an attempt.
        """
        ...

    async def release_blobs(self, holder: Holder) -> None:
        """The holder needs none any more. What an attempt holds is released by itself."""
        ...

    async def collect_blobs(self, after: str, look: int, take: int, now: Time) -> Sweep:
        """Look at the next `look` blobs behind the digest `after`, and remove at most `take` that no checkpoint, model or
        data set refers to and nobody holds.
        """
        ...

    async def mark_damaged(self, digest: str, now: Time) -> Sequence[str]:
        """Note that a blob was found damaged, or gone; nothing happens when it is sound. It is missing until it is put
        again. Jobs that have not ended and have checkpoints with it are told by `CheckpointDamaged`; returns their ids.
        """
        ...
