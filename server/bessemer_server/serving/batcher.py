"""Which requests go into the next batch. Pure: time is an argument, nothing waits here.

Work-conserving: a batch goes out as soon as the predictor is idle, with whatever has gathered while it was busy. There
is no delay to tune. A batch holds requests of one model and one form, in the order of their arrival, and as many rows as pay:
where a batch of twice the rows takes twice as long, nothing is gained by it. Whose turn it is:
requests of a higher priority first; among equals the model that had least of the predictor's time since it has waited
(start-time fair queueing: Goyal, Vin, Cheng, SIGCOMM 1996), so that a model with a long queue holds up no other.
"""

from __future__ import annotations

import dataclasses
import heapq
import itertools
import sys
from collections import defaultdict, deque
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from bessemer_server.domain import errors
from bessemer_server.serving.costs import Costs

P = TypeVar("P")

HEAP_SLACK = 1024
"""Deadlines of requests that are gone, which may be kept before they are thrown out together."""


@dataclasses.dataclass(slots=True, eq=False)
class Item(Generic[P]):
    """One request that waits."""

    model: Hashable
    form: Hashable
    """Requests of one model and form can share a batch; None: it is alone in one."""
    rows: int
    deadline_s: float
    """On the caller's clock; inf for none."""
    payload: P
    priority: int = 0
    """1 goes first; 0, the default, goes last."""
    is_gone: bool = False
    """It was taken, dropped or discarded."""
    queue: tuple[int, Hashable] = dataclasses.field(init=False)
    """Level, of which lower goes first, and model."""

    def __post_init__(self) -> None:
        self.queue = _level(self.priority), self.model


class Batcher(Generic[P]):
    """A queue per model and priority. What waits is bounded for each model, so that a flood on one takes no room from another; and
    in all, but for a model of which nothing waits.
    """

    def __init__(self, max_batch_rows: int, max_waiting_rows: int, max_waiting: int = sys.maxsize) -> None:
        """`max_waiting_rows`: of one model; `max_waiting`: requests of all."""
        self._max_batch_rows = max_batch_rows
        self._max_waiting_rows = max_waiting_rows
        self._max_waiting = max_waiting
        self._queues: dict[tuple[int, Hashable], deque[tuple[int, Item[P]]]] = {}
        self._costs: dict[Hashable, Costs] = defaultdict(Costs)
        self._pays: dict[Hashable, int] = defaultdict(lambda: Costs().limit(max_batch_rows))
        """Rows of a batch, by what was learnt: asked for each request, and changed by each batch."""
        self._spent_s: dict[Hashable, float] = {}
        """Of the predictor, by model, on the scale of `_virtual_s`."""
        self._virtual_s = 0.0
        """What the model of the last batch had spent before it, or with it once nobody waits: where who comes to nobody begins."""
        self._deadlines: list[tuple[float, int, Item[P]]] = []
        self._arrivals = itertools.count()
        self._rows: dict[tuple[int, Hashable], int] = {}
        """That wait, by queue."""
        self.waiting = 0
        """Requests."""
        self.waiting_rows = 0

    def add(self, item: Item[P]) -> None:
        """Queue a request. Raises `ResourceExhausted` when too much waits."""
        self._check_room(item)
        number = next(self._arrivals)
        if item.queue not in self._rows and not self.is_waiting(item.model):
            # What it was spared while it did not ask is no credit, and what it spent while nobody else did no debt.
            least_s = min([self._spent_s[model] for model in self.models()], default=self._virtual_s)
            self._spent_s[item.model] = max(self._spent_s.get(item.model, 0.0), least_s)
        self._queues.setdefault(item.queue, deque()).append((number, item))
        if item.deadline_s != float("inf"):
            heapq.heappush(self._deadlines, (item.deadline_s, number, item))
        self.waiting += 1
        self.waiting_rows += item.rows
        self._rows[item.queue] = self._rows.get(item.queue, 0) + item.rows

    def _check_room(self, item: Item[P]) -> None:
        if self.waiting < self._max_waiting and self.waiting_rows + item.rows <= self._max_waiting_rows:
            return  # whatever model they are of
        own = self.rows_before(item.model, 0)
        if own and (self.waiting >= self._max_waiting or own + item.rows > self._max_waiting_rows):
            raise errors.ResourceExhausted(
                f"{own} rows of the model wait for a prediction already; try again later", reason="QUEUE_FULL"
            )

    def rows_before(self, model: Hashable, priority: int) -> int:
        """Rows of the model that wait and would go before a request of this priority."""
        level = _level(priority)
        return sum(rows for (other, name), rows in self._rows.items() if name == model and other <= level)

    def models(self) -> set[Hashable]:
        """Of which requests wait."""
        return {model for _, model in self._rows}

    def expect_rows(self, model: Hashable) -> int:
        """In the batch of a request that comes now: what waits, as far as it pays, and at least the request."""
        return min(self._pays[model], self.rows_before(model, 0) + 1)

    def is_waiting(self, model: Hashable) -> bool:
        """Whether any request of the model is."""
        return any(name == model for _, name in self._rows)

    def discard(self, item: Item[P]) -> None:
        """Nobody waits for its answer any more; nothing happens when it is gone already."""
        if not item.is_gone:
            item.is_gone = True
            self.waiting -= 1
            self.waiting_rows -= item.rows
            left = self._rows[item.queue] - item.rows
            if left:
                self._rows[item.queue] = left
            else:
                del self._rows[item.queue]

    def take(self, now_s: float, most_rows: int = sys.maxsize) -> tuple[list[Item[P]], list[Item[P]]]:
        """The next batch, of at most so many rows if its first request has not more; and the requests that were dropped since
        their deadline has passed.
        """
        late = list(self._expire(now_s)) if self._deadlines else []
        batch: list[Item[P]] = []
        if (head := self._next()) is not None:
            self._virtual_s = max(self._virtual_s, self._spent_s.get(head.model, 0.0))
            for level in sorted(level for level, model in self._queues if model == head.model):
                self._fill(batch, head, self._queues[level, head.model], most_rows)
        for item in batch:
            self.discard(item)
        return batch, late

    def charge(self, model: Hashable, seconds: float) -> None:
        """The predictor was busy with a batch of the model for so long."""
        self._spent_s[model] = self._spent_s.get(model, 0.0) + seconds
        if not self._rows:  # who comes next begins there, whoever it is, but for those that spent more
            self._virtual_s = max(self._virtual_s, self._spent_s[model])
            self._spent_s = {each: spent for each, spent in self._spent_s.items() if spent > self._virtual_s}

    def learn(self, model: Hashable, rows: int, seconds: float) -> None:
        """A batch of the model took so long: what larger ones are worth."""
        self._costs[model].add(rows, seconds)
        self._pays[model] = self._costs[model].limit(self._max_batch_rows)

    def _next(self) -> Item[P] | None:
        """The request whose turn it is."""
        for key in list(self._queues):
            queue = self._queues[key]
            while queue and queue[0][1].is_gone:
                queue.popleft()
            if not queue:
                del self._queues[key]
        if not self._queues:
            return None
        key = min(self._queues, key=lambda k: (k[0], self._spent_s.get(k[1], 0.0), self._queues[k][0][0]))
        return self._queues[key][0][1]

    def _fill(
        self, batch: list[Item[P]], head: Item[P], queue: deque[tuple[int, Item[P]]], most_rows: int
    ) -> None:
        """Take from the queue what fits to the head, until something does not."""
        rows, most_rows = sum(item.rows for item in batch), min(most_rows, self._pays[head.model])
        while queue:
            item = queue[0][1]
            if not item.is_gone:
                fits = rows + item.rows <= most_rows and head.form is not None
                if item is not head and not (fits and item.form == head.form):
                    return
                batch.append(item)
                rows += item.rows
            queue.popleft()

    def _expire(self, now_s: float) -> Iterator[Item[P]]:
        if len(self._deadlines) > 2 * self.waiting + HEAP_SLACK:
            self._deadlines = [entry for entry in self._deadlines if not entry[2].is_gone]
            heapq.heapify(self._deadlines)
        while self._deadlines and self._deadlines[0][0] <= now_s:
            item = heapq.heappop(self._deadlines)[2]
            if not item.is_gone:
                self.discard(item)
                yield item


def _level(priority: int) -> int:
    return priority or sys.maxsize
