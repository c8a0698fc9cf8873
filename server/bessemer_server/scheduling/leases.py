"""Leases of attempts: who was heard of lately. Pure, and on the monotonic clock: a jump of the wall clock ends nothing.

The store's `lease_time` is only compared with itself: it changed, so the trainer lives. That also works for an attempt
that another server process started. It can only change while the store takes writes: so a trainer lives, too, while this process
is busy writing down what it said, and no silence counts that the store itself kept.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence

from bessemer_server.domain.jobs import Attempt, Time

Key = tuple[str, int]


STOOD_STILL, STOOD_STILL_S = 0.75, 5.0
"""Share of the timeout, and at least so long, without a look at the leases: then nobody can tell who was silent. A server
that is merely slow to look is not meant."""
PATIENCE = 30
"""Timeouts for which a silent trainer is excused that is at work all the same."""


@dataclasses.dataclass(slots=True)
class _Sighting:
    lease_time: Time
    at_s: float
    heard_s: float
    """When the lease changed; `at_s` may be later."""


class LeaseTable:
    """Remembers when each attempt's lease was last seen to change."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._sightings: dict[Key, _Sighting] = {}
        self._speaking: collections.Counter[Key] = collections.Counter()
        self._looked_s: float | None = None
        self._still_s = max(STOOD_STILL * timeout_s, STOOD_STILL_S)

    def expired(self, attempts: Sequence[Attempt], now_s: float) -> list[Attempt]:
        """Those of the active `attempts` whose lease has not changed for the timeout. `now_s` is monotonic. An attempt
        that is seen for the first time, after a restart say, gets a whole timeout; so do all when this server itself has
        not looked for long: it was stopped or starved, and their reports may still wait at its door.
        """
        if self._looked_s is not None and now_s - self._looked_s >= self._still_s:
            self.forgive(now_s)
        self._looked_s = now_s
        active = {(a.job_id, a.number): a for a in attempts}
        self._sightings = {key: seen for key, seen in self._sightings.items() if key in active}
        late = []
        for key, attempt in active.items():
            seen = self._sightings.get(key)
            if seen is None or seen.lease_time != attempt.lease_time:
                self._sightings[key] = _Sighting(attempt.lease_time, now_s, now_s)
            elif self._speaking[key]:
                seen.at_s = now_s
            elif now_s - seen.at_s >= self._timeout_s:
                late.append(attempt)
        return late

    @contextlib.contextmanager
    def hearing(self, key: Key, clock_s: Callable[[], float]) -> Iterator[None]:
        """The attempt is heard of as long as the block lasts, and once more at its end."""
        self._speaking[key] += 1
        try:
            yield
        finally:
            self._speaking[key] -= 1
            self._speaking += collections.Counter()  # forgets those at zero
            if seen := self._sightings.get(key):
                seen.at_s = seen.heard_s = clock_s()

    def forgive(self, now_s: float) -> None:
        """Nobody could be heard of until now: every timeout begins again."""
        for seen in self._sightings.values():
            seen.at_s = now_s

    def excuse(self, attempt: Attempt, now_s: float) -> bool:
        """Give an attempt that has expired another timeout, because its trainer is at work. False when that was said for too
        long: it may be at work on nothing.
        """
        seen = self._sightings[attempt.job_id, attempt.number]
        if now_s - seen.heard_s >= PATIENCE * self._timeout_s:
            return False
        seen.at_s = now_s
        return True
