"""Leases of attempts: who was heard of lately. Pure, and on the monotonic clock: a jump of the wall clock ends nothing.

The store's `lease_time` is only compared with itself: it changed, so the trainer lives. That also works for an attempt
that another server process started.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from bessemer_server.domain.jobs import Attempt, Time

Key = tuple[str, int]


@dataclasses.dataclass(slots=True)
class _Sighting:
    lease_time: Time
    at_s: float


class LeaseTable:
    """Remembers when each attempt's lease was last seen to change."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._sightings: dict[Key, _Sighting] = {}

    def expired(self, attempts: Sequence[Attempt], now_s: float) -> list[Attempt]:
        """Those of the active `attempts` whose lease has not changed for the timeout. `now_s` is monotonic. An attempt
        that is seen for the first time, after a restart say, gets a whole timeout.
        """
        active = {(a.job_id, a.number): a for a in attempts}
        self._sightings = {key: seen for key, seen in self._sightings.items() if key in active}
        late = []
        for key, attempt in active.items():
            seen = self._sightings.get(key)
            if seen is None or seen.lease_time != attempt.lease_time:
                self._sightings[key] = _Sighting(attempt.lease_time, now_s)
            elif now_s - seen.at_s >= self._timeout_s:
                late.append(attempt)
        return late
