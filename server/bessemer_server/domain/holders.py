"""Who has asked for blobs, and is about to refer to them: as long as that is so, they are not collected."""

from __future__ import annotations

import dataclasses
from typing import Self

from bessemer_server.domain.jobs import Time


@dataclasses.dataclass(frozen=True, slots=True)
class Holder:
    """An attempt, as long as it is its job's current one; or anything else, until a time."""

    id: str
    """Of the job, or of what has no attempts."""
    attempt: int = 0
    """Number of the attempt; 0 for what has none."""
    expire_time: Time | None = None
    """None for an attempt."""

    @classmethod
    def of_upload(cls, upload_id: str, expire_time: Time) -> Self:
        """An upload of a data set."""
        return cls(f"upload/{upload_id}", 0, expire_time)


@dataclasses.dataclass(frozen=True, slots=True)
class Sweep:
    """What one step of a collection came to."""

    position: str
    """The digest up to which blobs were looked at; empty when that was the last one."""
    removed: tuple[str, ...]
    """Digests of the blobs that nothing refers to any more, and that are gone now."""
