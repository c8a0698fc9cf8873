"""Predictions under way, and whether the service still takes calls: what a stop waits for, and an unload."""

from __future__ import annotations

import asyncio
import contextlib

from bessemer_server.domain import errors

QUIET_S = 0.05
"""So long nobody may have called before the server itself is stopped, which cancels calls that are on their way in."""
LOUD_S = 1.0
"""Who calls on and on without a pause is waited for so long."""


class Traffic:
    """Counts predictions by model, from their acceptance to their answer. An age ends when somebody waits for those of a model."""

    def __init__(self) -> None:
        self._is_closed = False
        self._refused = 0
        self._underway: dict[tuple[str, int], int] = {}
        """By model, and its age when they were accepted."""
        self._ages: dict[str, int] = {}
        self._ended = asyncio.Event()
        self.over = asyncio.Event()
        """Set when nothing is taken any more and all that was accepted is answered, or was waited for as long as may be: streams that are
        still open can end.
        """

    def check(self) -> None:
        """Raise `Unavailable` for a call that comes when the service stops."""
        if self._is_closed:
            self._refused += 1
            raise errors.stopping()

    def begin(self, model: str) -> tuple[str, int]:
        """A prediction is accepted; returns what to tell `end`. Raises as `check` does."""
        self.check()
        accepted = model, self._ages.get(model, 0)
        self._underway[accepted] = self._underway.get(accepted, 0) + 1
        return accepted

    def end(self, accepted: tuple[str, int]) -> None:
        """It was answered, or has failed."""
        if left := self._underway[accepted] - 1:
            self._underway[accepted] = left
        else:
            del self._underway[accepted]
            self._ended.set()

    async def wait_for(self, model: str) -> None:
        """Return when all predictions of the model that were accepted so far are over, however many come meanwhile."""
        age = self._ages.get(model, 0)
        self._ages[model] = age + 1
        while any(name == model and of <= age for name, of in self._underway):
            await self._wait()

    async def close(self, patience_s: float) -> None:
        """Refuse further calls, and return when all that were accepted are answered, and those that were refused know it."""
        self._is_closed = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                while self._underway:
                    await self._wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOUD_S):
                await self._await_quiet()
        self.over.set()

    async def _wait(self) -> None:
        self._ended.clear()
        await self._ended.wait()

    async def _await_quiet(self) -> None:
        before = -1
        while before != self._refused:
            before = self._refused
            await asyncio.sleep(QUIET_S)
