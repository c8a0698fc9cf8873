"""The batcher's shell: gathers requests, runs batches on the predictor, splits the answers."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import math
import time
from collections.abc import Mapping

from bessemer_server.domain import errors, ports, tensors
from bessemer_server.domain.models import Model
from bessemer_server.serving.batcher import Batcher, Item

MAX_BATCH_ROWS = 64
MAX_WAITING_ROWS = 16_384

Tensors = Mapping[str, tensors.Tensor]


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    model: Model
    inputs: Tensors
    answer: asyncio.Future[Tensors]


class Dispatcher:
    """One loop per predictor: while it is busy, requests gather; when it is idle, the next batch goes."""

    def __init__(self, predictor: ports.Predictor) -> None:
        self._predictor = predictor
        self._batcher: Batcher[_Waiting] = Batcher(MAX_BATCH_ROWS, MAX_WAITING_ROWS)
        self._arrived = asyncio.Event()
        self._solitary = itertools.count()
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to take requests."""
        self._running = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop; requests that still wait fail with `Unavailable`."""
        if self._running:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def ready(self, model: Model) -> None:
        """Load and warm the model."""
        await self._predictor.load(model)

    def describe(self, model: Model) -> Mapping[str, str]:
        """See `ports.Predictor.describe`."""
        return self._predictor.describe(model)

    async def predict(self, model: Model, inputs: Tensors, timeout_s: float | None) -> Tensors:
        """Outputs for sound inputs. Raises `ResourceExhausted`, `DeadlineExceeded`, `Unavailable`."""
        answer: asyncio.Future[Tensors] = asyncio.get_running_loop().create_future()
        rows = next(iter(inputs.values())).rows
        deadline_s = math.inf if timeout_s is None else time.monotonic() + timeout_s
        # What has no batch is alone in one.
        key = (model.name, model.version, None if model.is_batched else next(self._solitary))
        self._batcher.add(Item(key, rows, deadline_s, _Waiting(model, inputs, answer)))
        self._arrived.set()
        return (
            await answer
        )  # when the caller is cancelled, so is the future, and the batcher drops the request

    async def _run(self) -> None:
        while True:
            batch, late = self._batcher.take(time.monotonic(), lambda waiting: waiting.answer.done())
            for item in late:
                _fail(item.payload, errors.DeadlineExceeded("the deadline passed while the request waited"))
            if batch:
                await self._run_batch([item.payload for item in batch])
            elif not late:
                self._arrived.clear()
                await self._arrived.wait()

    async def _run_batch(self, batch: list[_Waiting]) -> None:
        try:
            outputs = await self._forward(batch)
        except errors.Unavailable as error:
            for waiting in batch:
                _fail(waiting, error)
        except Exception as error:
            if len(batch) == 1:
                _fail(batch[0], error)
                return
            for waiting in batch:  # one of them is at fault: alone, it fails alone
                await self._run_batch([waiting])
        else:
            for waiting, answer in zip(batch, outputs, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(answer)

    async def _forward(self, batch: list[_Waiting]) -> list[Tensors]:
        model = batch[0].model
        await self._predictor.load(model)
        if len(batch) == 1:
            return [await self._predictor.predict(model, batch[0].inputs)]
        names = batch[0].inputs
        joined = {name: tensors.join([waiting.inputs[name] for waiting in batch]) for name in names}
        outputs = await self._predictor.predict(model, joined)
        rows = [next(iter(waiting.inputs.values())).rows for waiting in batch]
        parts = {name: tensors.split(output, rows) for name, output in outputs.items()}
        return [{name: parts[name][i] for name in parts} for i in range(len(batch))]


def _fail(waiting: _Waiting, error: Exception) -> None:
    if not waiting.answer.done():
        waiting.answer.set_exception(error)
