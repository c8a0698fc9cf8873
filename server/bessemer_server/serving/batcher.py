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
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator
from typing import Generic, TypeVar

from bessemer_server.domain import errors
from bessemer_server.serving.costs import Costs

P = TypeVar("P")

HEAP_SLACK = 1024
"""Deadlines of requests that are gone, which may be kept before they are thrown out together."""
LAST = 16
"""The level of requests without a priority. One of 15 or more is on the level before: each level is looked at for each batch."""


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
    level: int = dataclasses.field(init=False)
    """Lower goes first."""
    number: int = 0
    """In the order of arrival."""

    def __post_init__(self) -> None:
        self.level = _level(self.priority)


class _Queue(Generic[P]):
    """What waits of one model. Of what is gone nothing is kept: its inputs may be large."""

    __slots__ = ("_levels", "_rows", "rows")

    def __init__(self) -> None:
        self._levels: dict[int, OrderedDict[int, Item[P]]] = {}
        self._rows: dict[int, int] = {}
        """By level."""
        self.rows = 0

    def add(self, item: Item[P]) -> None:
        """Behind all others of its level."""
        self._levels.setdefault(item.level, OrderedDict())[item.number] = item
        self._rows[item.level] = self._rows.get(item.level, 0) + item.rows
        self.rows += item.rows

    def remove(self, item: Item[P]) -> None:
        """It is gone."""
        level = self._levels[item.level]
        del level[item.number]
        self._rows[item.level] -= item.rows
        self.rows -= item.rows
        if not level:
            del self._levels[item.level], self._rows[item.level]

    def __bool__(self) -> bool:
        return bool(self._levels)

    def __iter__(self) -> Iterator[Item[P]]:
        return itertools.chain.from_iterable(level.values() for level in self._levels.values())

    def head(self) -> Item[P]:
        """Whose turn it is, of these."""
        levels = self._levels
        return next(iter(levels[min(levels) if len(levels) > 1 else next(iter(levels))].values()))

    def rows_before(self, level: int) -> int:
        """That would go before a request of this level."""
        if level == LAST:
            return self.rows
        return sum([rows for other, rows in self._rows.items() if other <= level])

    def choose(self, most_rows: int) -> list[Item[P]]:
        """The head, and what fits to it: of each level until something does not."""
        head = self.head()
        batch, rows = [head], head.rows
        if head.form is None:
            return batch
        for level in sorted(self._levels):
            for item in self._levels[level].values():
                if item is head:
                    continue
                if rows + item.rows > most_rows or item.form != head.form:
                    break
                batch.append(item)
                rows += item.rows
            if rows >= most_rows:
                break
        return batch


class Batcher(Generic[P]):
    """A queue per model and priority. What waits is bounded for each model, so that a flood on one takes no room from another; and
    in all, but for a model of which nothing waits.
    """

    def __init__(self, max_batch_rows: int, max_waiting_rows: int, max_waiting: int = sys.maxsize) -> None:
        """`max_waiting_rows`: of one model; `max_waiting`: requests of all."""
        self._max_batch_rows = max_batch_rows
        self._max_waiting_rows = max_waiting_rows
        self._max_waiting = max_waiting
        self._queues: dict[Hashable, _Queue[P]] = {}
        """Of models of which something waits."""
        self._costs: dict[Hashable, Costs] = defaultdict(Costs)
        self._pays: dict[Hashable, int] = defaultdict(lambda: Costs().limit(max_batch_rows))
        """Rows of a batch, by what was learnt: asked for each request, and changed by each batch."""
        self._spent_s: dict[Hashable, float] = {}
        """Of the predictor, by model, on the scale of `_virtual_s`."""
        self._virtual_s = 0.0
        """What the model of the last batch had spent before it, or with it once nobody waits: where who comes to nobody begins."""
        self._deadlines: list[tuple[float, int]] = []
        """With the numbers of requests, that may be gone."""
        self._dated: dict[int, Item[P]] = {}
        """Those that wait, by number."""
        self._arrivals = itertools.count()
        self.waiting = 0
        """Requests."""
        self.waiting_rows = 0

    def add(self, item: Item[P]) -> None:
        """Queue a request. Raises `ResourceExhausted` when too much waits."""
        queue = self._queues.get(item.model)
        self._check_room(item, queue.rows if queue else 0)
        if queue is None:
            # What it was spared while it did not ask is no credit, and what it spent while nobody else did no debt.
            least_s = min([self._spent_s[model] for model in self._queues], default=self._virtual_s)
            self._spent_s[item.model] = max(self._spent_s.get(item.model, 0.0), least_s)
            queue = self._queues[item.model] = _Queue()
        item.number = next(self._arrivals)
        queue.add(item)
        if item.deadline_s != float("inf"):
            heapq.heappush(self._deadlines, (item.deadline_s, item.number))
            self._dated[item.number] = item
        self.waiting += 1
        self.waiting_rows += item.rows

    def _check_room(self, item: Item[P], own: int) -> None:
        if self.waiting < self._max_waiting and self.waiting_rows + item.rows <= self._max_waiting_rows:
            return  # whatever model they are of
        if own and (self.waiting >= self._max_waiting or own + item.rows > self._max_waiting_rows):
            raise errors.ResourceExhausted(
                f"{own} rows of the model wait for a prediction already; try again later", reason="QUEUE_FULL"
            )

    def rows_before(self, model: Hashable, priority: int) -> int:
        """Rows of the model that wait and would go before a request of this priority."""
        queue = self._queues.get(model)
        return queue.rows_before(_level(priority)) if queue else 0

    def models(self) -> Collection[Hashable]:
        """Of which requests wait."""
        return self._queues.keys()

    def expect_rows(self, model: Hashable) -> int:
        """In the batch of a request that comes now: what waits, as far as it pays, and at least the request."""
        return min(self._pays[model], self.rows_before(model, 0) + 1)

    def is_waiting(self, model: Hashable) -> bool:
        """Whether any request of the model is."""
        return model in self._queues

    def discard(self, item: Item[P]) -> None:
        """Nobody waits for its answer any more; nothing happens when it is gone already."""
        if item.is_gone:
            return
        item.is_gone = True
        queue = self._queues[item.model]
        queue.remove(item)
        if not queue:
            del self._queues[item.model]
        self._dated.pop(item.number, None)
        self.waiting -= 1
        self.waiting_rows -= item.rows

    def head(self, may: Callable[[Item[P]], bool] | None = None) -> Item[P] | None:
        """The request whose turn it is, among the models whose first request `may` go."""
        heads = [queue.head() for queue in self._queues.values()]
        if may is not None:
            heads = [head for head in heads if may(head)]
        if len(heads) > 1:
            return min(heads, key=self._turn)
        return heads[0] if heads else None

    def _turn(self, head: Item[P]) -> tuple[int, float, int]:
        return head.level, self._spent_s.get(head.model, 0.0), head.number

    def take(self, now_s: float, most_rows: int = sys.maxsize) -> tuple[list[Item[P]], list[Item[P]]]:
        """The next batch, of at most so many rows if its first request has not more; and the requests that were dropped since
        their deadline has passed.
        """
        late = self.expire(now_s)
        head = self.head()
        return self.take_with(head, most_rows) if head else [], late

    def take_with(self, head: Item[P], most_rows: int = sys.maxsize) -> list[Item[P]]:
        """The batch that begins with the first request of its model."""
        self._virtual_s = max(self._virtual_s, self._spent_s.get(head.model, 0.0))
        batch = self._queues[head.model].choose(min(most_rows, self._pays[head.model]))
        for item in batch:
            self.discard(item)
        return batch

    def drop(self, models: Collection[Hashable]) -> list[Item[P]]:
        """Take all that waits of these."""
        items = [item for model in models if model in self._queues for item in self._queues[model]]
        for item in items:
            self.discard(item)
        return items

    def charge(self, model: Hashable, seconds: float) -> None:
        """The predictor was busy with a batch of the model for so long."""
        self._spent_s[model] = self._spent_s.get(model, 0.0) + seconds
        if not self._queues:  # who comes next begins there, whoever it is, but for those that spent more
            self._virtual_s = max(self._virtual_s, self._spent_s[model])
            self._spent_s = {each: spent for each, spent in self._spent_s.items() if spent > self._virtual_s}

    def learn(self, model: Hashable, rows: int, seconds: float) -> None:
        """A batch of the model took so long: what larger ones are worth."""
        self._costs[model].add(rows, seconds)
        self._pays[model] = self._costs[model].limit(self._max_batch_rows)

    @property
    def due_s(self) -> float:
        """The first deadline of what waits; inf where nothing has one."""
        while self._deadlines and self._deadlines[0][1] not in self._dated:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else float("inf")

    def expire(self, now_s: float) -> list[Item[P]]:
        """Drop those whose deadline has passed."""
        if not self._deadlines:
            return []
        if len(self._deadlines) > 2 * len(self._dated) + HEAP_SLACK:
            self._deadlines = [(item.deadline_s, number) for number, item in self._dated.items()]
            heapq.heapify(self._deadlines)
        late = []
        while self._deadlines and self._deadlines[0][0] <= now_s:
            _, number = heapq.heappop(self._deadlines)
            if item := self._dated.get(number):
                self.discard(item)
                late.append(item)
        return late


def _level(priority: int) -> int:
    return min(priority, LAST - 1) if priority else LAST
