"""The batcher's shell: gathers requests, runs batches on the predictor, splits the answers, counts what it took."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import math
import time
from collections.abc import Callable, Hashable, Mapping, Sequence

from bessemer_server.domain import errors, ports, tensors
from bessemer_server.domain.models import Model
from bessemer_server.executors.alarm import Alarm
from bessemer_server.serving import pace, parameters, statistics
from bessemer_server.serving.batcher import Batcher, Item

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
    loading: Hashable = None
    """The model that it loads now, for those that wait for it."""

    def may(self, item: Item[_Waiting]) -> bool:
        """Whether a batch that begins with this one can be computed now."""
        return self.predictor.is_loaded(item.payload.model)

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
        self._alarm = Alarm(self._look_for_late)
        self._due_s = math.inf
        """When it rings."""
        self._loads: set[asyncio.Task[None]] = set()
        self._pace = pace.Pace()
        self._running: list[asyncio.Task[None]] = []
        self.statistics = counted or statistics.Statistics()

    def start(self) -> None:
        """Begin to take requests."""
        self._running = [
            asyncio.create_task(self._run(lane)) for lane in self._lanes for _ in range(self._loops)
        ]

    async def close(self) -> None:
        """Stop; requests that have no answer yet fail with `Unavailable`."""
        tasks = (*self._running, *self._loads)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._alarm.close()
        for item in self._batcher.drop(list(self._batcher.models())):
            _fail(item.payload, errors.stopping())

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
        """Outputs for sound inputs. `begun_ns`: since when the service is at it, by `time.perf_counter_ns`, if not only now;
        `timeout_s`: the patience that the caller had then. Raises `ResourceExhausted`, `DeadlineExceeded`, `Unavailable`.
        """
        answer: asyncio.Future[Tensors] = asyncio.get_running_loop().create_future()
        now_ns = time.perf_counter_ns()
        waiting = _Waiting(model, inputs, answer, begun_ns or now_ns, now_ns, _rows(inputs))
        left_s = asked.patience_s(timeout_s) - (now_ns - waiting.begun_ns) / 1e9
        form = _form(inputs) if model.is_batched else None
        item = Item(model.key, form, waiting.rows, time.monotonic() + left_s, waiting, asked.priority)
        self._batcher.add(item)
        self._arrived.set()
        if item.deadline_s < self._due_s:
            self._set_alarm()
        try:
            return await answer
        except asyncio.CancelledError:
            self._batcher.discard(item)
            raise
        finally:
            # An error knows where it was raised, which is here, and the answer knows the error: together they would stay.
            del answer, waiting, item, inputs

    def _set_alarm(self) -> None:
        """Who has waited long enough is told so then, whatever is being computed."""
        self._due_s = self._batcher.due_s
        if self._due_s < math.inf:
            self._alarm.set(max(0.0, self._due_s - time.monotonic()))

    def _look_for_late(self) -> None:
        _fail_late(self._batcher.expire(time.monotonic()))
        self._set_alarm()

    async def _run(self, lane: _Lane) -> None:
        while True:
            await self._turn(lane)
            if batch := self._take(lane):
                await self._feed(lane, batch)
                batch.clear()  # while this waits for the next one, nobody needs the memory of its inputs
            else:
                self._arrived.clear()
                await self._arrived.wait()

    async def _turn(self, lane: _Lane) -> None:
        """Wait until the predictor is idle, or as much waits as it computes."""
        while self._batcher.waiting_rows < lane.rows:
            self._arrived.clear()
            await self._arrived.wait()

    def _take(self, lane: _Lane) -> list[Item[_Waiting]]:
        """The next batch for it. Of a model that is not loaded requests wait, and those of others go on."""
        _fail_late(self._batcher.expire(time.monotonic()))
        head = self._batcher.head()
        if head is not None and not lane.may(head):
            self._load_next(lane, head.payload.model)
            head = self._batcher.head(lane.may)
        return self._batcher.take_with(head, self._share(lane)) if head else []

    def _share(self, lane: _Lane) -> int:
        """How many rows the predictor gets at most: half of all that are there, if it computes some of them."""
        return (self._batcher.waiting_rows + lane.rows + 1) // 2 if lane.rows else MAX_BATCH_ROWS

    def _load_next(self, lane: _Lane, model: Model) -> None:
        """Begin to load the model whose turn it is: its weights may be long in coming."""
        if lane.loading is None and all(model.key != other.loading for other in self._lanes):
            lane.loading = model.key
            task = asyncio.create_task(self._load(lane, model))
            self._loads.add(task)
            task.add_done_callback(self._loads.discard)

    async def _load(self, lane: _Lane, model: Model) -> None:
        try:
            await lane.predictor.load(model)
        except Exception as error:  # the model is at fault, and none of the requests
            for item in self._batcher.drop([model.key]):
                _fail(item.payload, error)
        finally:
            lane.loading = None
            self._arrived.set()

    async def _feed(self, lane: _Lane, batch: list[Item[_Waiting]]) -> None:
        waiting = [item.payload for item in batch]
        key, rows = batch[0].model, _count_rows(waiting)
        lane.rows += rows
        given = key, rows, time.perf_counter_ns()
        lane.batches.append(given)
        try:
            self._batcher.charge(key, await self._run_part(lane, waiting))
        finally:
            lane.rows -= rows
            lane.batches.remove(given)
        lane.free_ns = time.perf_counter_ns()
        self._arrived.set()  # the other loop of this lane may wait for this one's end

    async def _run_part(self, lane: _Lane, batch: list[_Waiting]) -> float:
        """Returns the seconds for which the predictor was busy with it."""
        begun_ns = time.perf_counter_ns()
        try:
            return await self._forward(lane, batch)
        except asyncio.CancelledError:
            for waiting in batch:
                _fail(waiting, errors.stopping())
            raise
        except Exception as error:
            spent_s = (time.perf_counter_ns() - max(begun_ns, lane.free_ns)) / 1e9
            if len(batch) == 1 or _is_nobodys_fault(error):
                for waiting in batch:
                    _fail(waiting, error)
                return spent_s
        half = len(batch) // 2
        for part in (batch[:half], batch[half:]):  # one of them is at fault: alone, it fails alone
            spent_s += await self._run_part(lane, part)
        return spent_s

    async def _forward(self, lane: _Lane, batch: list[_Waiting]) -> float:
        """Answer all of them. Returns the seconds for which the predictor was busy; raises its errors."""
        model = batch[0].model
        begun_ns = time.perf_counter_ns()
        inputs = _join(batch)
        joined_ns = time.perf_counter_ns()
        predicted = await lane.predictor.predict(model, inputs)
        inferred_ns = time.perf_counter_ns()
        # Two answers may be read together, and then the second one seems to have taken no time.
        infer_ns = max(inferred_ns - max(joined_ns, lane.free_ns), int(predicted.seconds * 1e9))
        answers = _split(predicted.outputs, batch)
        _fail_lost(batch, predicted.lost)
        output_ns = time.perf_counter_ns() - inferred_ns
        queue_ns = max(0, inferred_ns - infer_ns - joined_ns)  # while it computed the batch before
        awaited = [each for each in batch if not each.answer.done()]  # the others failed, or gave up
        taken = statistics.Batch(
            _count_rows(batch),
            [each.arrived_ns - each.begun_ns for each in awaited],
            [begun_ns - each.arrived_ns + queue_ns for each in awaited],
            joined_ns - begun_ns,
            infer_ns,
            output_ns,
        )
        for waiting, answer in zip(batch, answers, strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(answer)
        # Of a process that died, and was asked again, nothing is to be learnt but what the last one has taken.
        busy_s = predicted.seconds if predicted.is_again else infer_ns / 1e9
        is_behind = self._batcher.is_waiting(model.key)
        learn = functools.partial(self._learn, model.key, taken, busy_s, is_behind=is_behind)
        _afterwards(learn, is_urgent=is_behind)
        return busy_s

    def _learn(self, key: statistics.Key, taken: statistics.Batch, busy_s: float, *, is_behind: bool) -> None:
        self.statistics.record_batch(key, taken, time.time_ns() // 1_000_000)
        self._batcher.learn(key, taken.rows, busy_s)
        seconds = busy_s + (taken.input_ns + taken.output_ns) / 1e9
        self._pace.observe(key, taken.rows, seconds, is_behind=is_behind)


def _afterwards(work: Callable[[], None], *, is_urgent: bool) -> None:
    """Do it when those who wait for an answer have it: the next turn of the loop is theirs, at whose end answers leave. Where there is more
    to do, no turn is spent on that.
    """
    loop = asyncio.get_running_loop()
    if is_urgent:
        loop.call_soon(work)
    else:
        loop.call_soon(loop.call_soon, work)


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
    """Whether each of the requests would fail so; a process that has ended, and did so again when it was asked once more, may have
    ended over one of them.
    """
    return isinstance(error, errors.Unavailable) and error.reason != errors.HELPER_ENDED


def _fail_lost(batch: list[_Waiting], lost: Sequence[int]) -> None:
    """Those with such rows: of each the first. Of a batch of several all are named."""
    start = 0
    for waiting in batch if lost else ():
        if (row := next((row for row in lost if start <= row < start + waiting.rows), None)) is not None:
            _fail(waiting, errors.no_number(f"row {row - start} of input {next(iter(waiting.inputs))}"))
        start += waiting.rows


def _fail_late(items: list[Item[_Waiting]]) -> None:
    for item in items:
        _fail(item.payload, errors.DeadlineExceeded("the deadline passed while the request waited"))


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.answer.done():
        # Without where it was raised, which knows the whole batch: its inputs may be large, and each answer knows the error.
        waiting.answer.set_exception(error.with_traceback(None))
