"""The batcher's shell: gathers requests, runs batches on the predictor, splits the answers, counts what it took."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import time
from collections.abc import Hashable, Mapping, Sequence

from bessemer_server.domain import errors, ports, tensors
from bessemer_server.domain.models import Model
from bessemer_server.serving import pace, parameters, statistics
from bessemer_server.serving.batcher import Batcher, Item

ENDED = "HELPER_ENDED"
"""The predictor process died, and did so again when it was asked once more."""
MAX_BATCH_ROWS = 64
MAX_WAITING_ROWS = 16_384
"""Of one model."""
MAX_WAITING = 65_536
"""Requests of all models."""

Tensors = Mapping[str, tensors.Tensor]


@dataclasses.dataclass(slots=True, eq=False)
class _Waiting:
    model: Model
    inputs: Tensors
    answer: asyncio.Future[Tensors]
    begun_ns: int
    """When the service took it; then its inputs were prepared."""
    arrived_ns: int
    rows: int


@dataclasses.dataclass(slots=True, eq=False)
class _Lane:
    """A predictor, and the batches that it was given and has not answered: at most two."""

    predictor: ports.Predictor
    rows: int = 0
    free_ns: int = 0
    """When it had done the batch before: of the next one, what was before that was waiting."""
    batches: list[tuple[Hashable, int, int]] = dataclasses.field(default_factory=list)
    """Model, rows, and when it was given, of each."""

    def left_s(self, known: pace.Pace) -> float:
        """How long it will still be busy with these."""
        if not self.batches:
            return 0.0
        spent_ns = time.perf_counter_ns() - max(self.batches[0][2], self.free_ns)
        return max(0.0, sum(known.expect_s(model, rows) for model, rows, _ in self.batches) - spent_ns / 1e9)


class Dispatcher:
    """One queue for predictors that are alike, and a loop for each: while all are busy, requests gather; when one is idle, the next
    batch goes to it at once.

    A predictor that is `fed_ahead` has a second loop, which hands it a batch while it computes another, so that it does not wait
    for the answers to go out and new requests to come in. Both shall be alike: the second goes when as many wait as are being
    computed, and takes half of them all.
    """

    def __init__(
        self,
        *predictors: ports.Predictor,
        fed_ahead: bool = False,
        counted: statistics.Statistics | None = None,
    ) -> None:
        """`counted`: where to count what predictions take, if somebody else counts there too."""
        self._predictors = predictors
        self._lanes = [_Lane(predictor) for predictor in predictors]
        self._loops = 2 if fed_ahead else 1
        self._batcher: Batcher[_Waiting] = Batcher(MAX_BATCH_ROWS, MAX_WAITING_ROWS, MAX_WAITING)
        self._arrived = asyncio.Event()
        self._pace = pace.Pace()
        self._running: list[asyncio.Task[None]] = []
        self.statistics = counted or statistics.Statistics()

    def start(self) -> None:
        """Begin to take requests."""
        self._running = [
            asyncio.create_task(self._run(lane)) for lane in self._lanes for _ in range(self._loops)
        ]

    async def close(self) -> None:
        """Stop; requests that still wait fail with `Unavailable`."""
        for loop in self._running:
            loop.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def ready(self, model: Model) -> None:
        """Load and warm the model, on each predictor."""
        await asyncio.gather(*(predictor.load(model) for predictor in self._predictors))

    async def unload(self, name: str, version: int | None = None) -> None:
        """Give back the memory of a version, or of every version of the model."""
        for predictor in self._predictors:
            await predictor.unload(name, version)

    def loaded(self) -> Sequence[tuple[str, int]]:
        """Name and version of each model that is loaded and warm, on some predictor."""
        return list(dict.fromkeys(key for predictor in self._predictors for key in predictor.loaded()))

    def memory(self) -> Sequence[tuple[str, int, int]]:
        """Name, version and measured bytes of each model that is loaded, once for each predictor that has it."""
        return [entry for predictor in self._predictors for entry in predictor.memory()]

    @property
    def waiting(self) -> tuple[int, int]:
        """Requests and rows that wait for the predictor."""
        return self._batcher.waiting, self._batcher.waiting_rows

    def describe(self, model: Model) -> Mapping[str, str]:
        """See `ports.Predictor.describe`."""
        return next((found for predictor in self._predictors if (found := predictor.describe(model))), {})

    def check_queue(
        self, model: Model, timeout_s: float | None, asked: parameters.Parameters = parameters.NONE
    ) -> None:
        """Raise `ResourceExhausted` for a request that would be answered too late: before more is done for it."""
        patience_s = asked.patience_s(timeout_s)
        if patience_s < math.inf:
            batch_s = self._pace.expect_s(model.key, self._batcher.expect_rows(model.key))
            left_s = min([lane.left_s(self._pace) for lane in self._lanes])
            pace.check(
                self._expect_queue_s(model.key, asked.priority), patience_s, left_s=left_s, batch_s=batch_s
            )

    def _expect_queue_s(self, key: statistics.Key, priority: int) -> float:
        """For what goes before a request: of other models no more than as much as of its own, since turns are fair."""
        before_s = {
            each: self._pace.expect_s(each, self._batcher.rows_before(each, priority))
            for each in self._batcher.models()
        }
        own_s = before_s.get(key, 0.0)
        return sum([min(own_s, each_s) for each_s in before_s.values()]) / len(self._lanes)

    async def predict(
        self,
        model: Model,
        inputs: Tensors,
        timeout_s: float | None,
        asked: parameters.Parameters = parameters.NONE,
        begun_ns: int = 0,
    ) -> Tensors:
        """Outputs for sound inputs. `timeout_s`: the caller's patience. `begun_ns`: since when the service is at it, by
        `time.perf_counter_ns`, if not only now. Raises `ResourceExhausted`, `DeadlineExceeded`, `Unavailable`.
        """
        answer: asyncio.Future[Tensors] = asyncio.get_running_loop().create_future()
        now_ns = time.perf_counter_ns()
        waiting = _Waiting(model, inputs, answer, begun_ns or now_ns, now_ns, _rows(inputs))
        patience_s = asked.patience_s(timeout_s)
        form = _form(inputs) if model.is_batched else None
        deadline_s = time.monotonic() + patience_s
        item = Item(model.key, form, waiting.rows, deadline_s, waiting, asked.priority)
        self._batcher.add(item)
        self._arrived.set()
        try:
            return await answer
        except asyncio.CancelledError:
            self._batcher.discard(item)
            raise
        finally:
            # An error knows where it was raised, which is here, and the answer knows the error: together they would stay.
            del answer, waiting, item, inputs

    async def _run(self, lane: _Lane) -> None:
        while True:
            await self._turn(lane)
            batch, late = self._batcher.take(time.monotonic(), self._share(lane))
            for item in late:
                _fail(item.payload, errors.DeadlineExceeded("the deadline passed while the request waited"))
            if batch:
                await self._feed(lane, batch)
                batch.clear()  # while this waits for the next one, nobody needs the memory of its inputs
            elif not late:
                self._arrived.clear()
                await self._arrived.wait()

    async def _turn(self, lane: _Lane) -> None:
        """Wait until the predictor is idle, or as much waits as it computes."""
        while self._batcher.waiting_rows < lane.rows:
            self._arrived.clear()
            await self._arrived.wait()

    def _share(self, lane: _Lane) -> int:
        """How many rows the predictor gets at most: half of all that are there, if it computes some of them."""
        return (self._batcher.waiting_rows + lane.rows + 1) // 2 if lane.rows else MAX_BATCH_ROWS

    async def _feed(self, lane: _Lane, batch: list[Item[_Waiting]]) -> None:
        waiting = [item.payload for item in batch]
        key, rows = batch[0].model, _count_rows(waiting)
        lane.rows += rows
        begun_ns = time.perf_counter_ns()
        given = key, rows, begun_ns
        lane.batches.append(given)
        try:
            await self._run_batch(lane, waiting)
        finally:
            lane.rows -= rows
            lane.batches.remove(given)
        ended_ns = time.perf_counter_ns()
        self._batcher.charge(key, (ended_ns - max(begun_ns, lane.free_ns)) / 1e9)
        lane.free_ns = ended_ns
        self._arrived.set()  # the other loop of this lane may wait for this one's end

    async def _run_batch(self, lane: _Lane, batch: list[_Waiting]) -> None:
        try:
            await lane.predictor.load(batch[0].model)
        except Exception as error:  # the model is at fault, and none of the requests
            for waiting in batch:
                _fail(waiting, error)
        else:
            await self._run_part(lane, batch)

    async def _run_part(self, lane: _Lane, batch: list[_Waiting]) -> None:
        try:
            outputs = await self._forward(lane, batch)
        except Exception as error:
            if len(batch) == 1 or _is_nobodys_fault(error):
                for waiting in batch:
                    _fail(waiting, error)
                return
            half = len(batch) // 2
            for part in (batch[:half], batch[half:]):  # one of them is at fault: alone, it fails alone
                await self._run_part(lane, part)
        else:
            for waiting, answer in zip(batch, outputs, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(answer)

    async def _forward(self, lane: _Lane, batch: list[_Waiting]) -> list[Tensors]:
        model, rows = batch[0].model, _count_rows(batch)
        begun = time.perf_counter_ns()
        inputs = _join(batch)
        joined = time.perf_counter_ns()
        outputs = await lane.predictor.predict(model, inputs)
        reached = max(joined, lane.free_ns)  # when the predictor came to it
        inferred = time.perf_counter_ns()
        answers = _split(outputs, batch)
        split = time.perf_counter_ns()
        self._count(batch, rows, (begun, joined, reached, inferred, split))
        self._batcher.learn(model.key, rows, (inferred - reached) / 1e9)
        seconds = (split - begun - (reached - joined)) / 1e9
        self._pace.observe(model.key, rows, seconds, is_behind=self._batcher.is_waiting(model.key))
        return answers

    def _count(self, batch: list[_Waiting], rows: int, times: Sequence[int]) -> None:
        begun, joined, reached, inferred, split = times
        awaited = [
            waiting for waiting in batch if not waiting.answer.done()
        ]  # the others gave up: they have failed
        taken = statistics.Batch(
            rows,
            [waiting.arrived_ns - waiting.begun_ns for waiting in awaited],
            [begun - waiting.arrived_ns + reached - joined for waiting in awaited],
            joined - begun,
            inferred - reached,
            split - inferred,
        )
        self.statistics.record_batch(batch[0].model.key, taken, time.time_ns() // 1_000_000)


def _form(inputs: Tensors) -> Hashable:
    """What must be alike to lie in one batch."""
    return tuple([(name, tensor.datatype, tensor.shape[1:]) for name, tensor in sorted(inputs.items())])


def _rows(inputs: Tensors) -> int:
    return next(iter(inputs.values())).rows


def _count_rows(batch: list[_Waiting]) -> int:
    return sum([waiting.rows for waiting in batch])


def _join(batch: list[_Waiting]) -> Tensors:
    if len(batch) == 1:
        return batch[0].inputs
    return {name: tensors.join([waiting.inputs[name] for waiting in batch]) for name in batch[0].inputs}


def _split(outputs: Tensors, batch: list[_Waiting]) -> list[Tensors]:
    if len(batch) == 1:
        return [outputs]
    rows = [waiting.rows for waiting in batch]
    parts = {name: tensors.split(output, rows) for name, output in outputs.items()}
    return [{name: parts[name][i] for name in parts} for i in range(len(rows))]


def _is_nobodys_fault(error: Exception) -> bool:
    """Whether each of the requests would fail so; a process that has ended may have ended over one of them."""
    return isinstance(error, errors.Unavailable) and error.reason != ENDED


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.answer.done():
        # Without where it was raised, which knows the whole batch: its inputs may be large, and each answer knows the error.
        waiting.answer.set_exception(error.with_traceback(None))
