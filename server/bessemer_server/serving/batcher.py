"""Which requests go into the next batch. Pure: time is an argument, nothing waits here.

Work-conserving: a batch goes out as soon as the predictor is idle, with whatever has gathered while it was busy. There
is no delay to tune. A batch holds requests of one model, oldest first; the model whose oldest request waits longest is
next.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from bessemer_server.domain import errors

P = TypeVar("P")


@dataclasses.dataclass(frozen=True, slots=True)
class Item(Generic[P]):
    """One request that waits."""

    key: Hashable
    """Requests of one key can share a batch."""
    rows: int
    deadline_s: float
    """On the caller's clock; inf for none."""
    payload: P


class Batcher(Generic[P]):
    """A bounded queue per key."""

    def __init__(self, max_batch_rows: int, max_waiting_rows: int) -> None:
        self._max_batch_rows = max_batch_rows
        self._max_waiting_rows = max_waiting_rows
        self._queues: OrderedDict[Hashable, deque[tuple[int, Item[P]]]] = OrderedDict()
        self._arrivals = 0
        self.waiting_rows = 0

    def add(self, item: Item[P]) -> None:
        """Queue a request. Raises `ResourceExhausted` when too much waits."""
        if self.waiting_rows and self.waiting_rows + item.rows > self._max_waiting_rows:
            raise errors.ResourceExhausted(
                f"{self.waiting_rows} rows wait for a prediction already; try again later",
                reason="QUEUE_FULL",
            )
        self._arrivals += 1
        self._queues.setdefault(item.key, deque()).append((self._arrivals, item))
        self.waiting_rows += item.rows

    def take(self, now_s: float, is_cancelled: Callable[[P], bool]) -> tuple[list[Item[P]], list[Item[P]]]:
        """The next batch, and the requests that were dropped since their deadline has passed. Cancelled ones vanish."""
        late = self._drop(now_s, is_cancelled)
        if not self._queues:
            return [], late
        key = min(self._queues, key=lambda k: self._queues[k][0][0])
        queue = self._queues[key]
        batch: list[Item[P]] = []
        rows = 0
        while queue and (not batch or rows + queue[0][1].rows <= self._max_batch_rows):
            item = queue.popleft()[1]
            batch.append(item)
            rows += item.rows
        if not queue:
            del self._queues[key]
        self.waiting_rows -= rows
        return batch, late

    def _drop(self, now_s: float, is_cancelled: Callable[[P], bool]) -> list[Item[P]]:
        late = []
        for key in list(self._queues):
            kept: deque[tuple[int, Item[P]]] = deque()
            for arrival, item in self._queues[key]:
                if is_cancelled(item.payload):
                    self.waiting_rows -= item.rows
                elif item.deadline_s <= now_s:
                    late.append(item)
                    self.waiting_rows -= item.rows
                else:
                    kept.append((arrival, item))
            if kept:
                self._queues[key] = kept
            else:
                del self._queues[key]
        return late
