"""Streams that have something to send when their connection takes more: in turns, and not all at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Protocol

AT_ONCE = 64
"""Streams that have their turn before others are heard: to look at all that a client leaves waiting, for each byte that it takes, is
what thousands of streams and a trickle of small packets would make of it.
"""


class Stream(Protocol):
    """One of them."""

    id: int

    def flush(self) -> None:
        """Send what there is room for."""


class Waiting:
    """Those of one connection. A stream whose own window is shut does not belong here: it is found when that opens."""

    def __init__(self, has_room: Callable[[], bool], later: Callable[[Callable[[], None]], None]) -> None:
        """`later`: does a piece of work when others have had their turn."""
        self._has_room = has_room
        self._later = later
        self._streams: dict[int, Stream] = {}
        self._goes_on = False
        """Whether a further piece of work is to come."""

    def add(self, stream: Stream) -> None:
        """Behind all others, unless it waits already."""
        self._streams.setdefault(stream.id, stream)

    def discard(self, stream: Stream) -> None:
        """It has nothing to send any more."""
        self._streams.pop(stream.id, None)

    def flush(self) -> None:
        """There may be room."""
        if not self._goes_on:
            self._step()

    def _step(self) -> None:
        self._goes_on = False
        for number in list(itertools.islice(self._streams, AT_ONCE)):
            if not self._has_room():
                return
            if stream := self._streams.pop(number, None):
                stream.flush()  # who is not done stands behind the others
        if self._streams and self._has_room():
            self._goes_on = True
            self._later(self._step)
