"""Trainers of the simulation: they report, save and end as the real ones do, and compute nothing."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import json
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from bessemer.worker.v1 import worker_pb2 as pb
from bessemer_server.domain import errors
from bessemer_server.domain.metrics import Scope
from tests.simulation import contract, network

if TYPE_CHECKING:
    from tests.simulation.servers import Server
    from tests.simulation.world import World

EPOCH_STEPS = 3
HEARTBEAT_S = 1.0
PAUSE_S = 0.3
STALE = (errors.StaleAttempt, errors.Unauthenticated, errors.NotFound)


class _OverError(Exception):
    """The attempt is no longer current."""


class Trainer:
    """One process: `worker.trainer` and `worker.observer` in short."""

    def __init__(self, world: World, number: int, token: str, server: Server, *, is_doomed: bool) -> None:
        self.number = number
        self.on_exit: Callable[[int], None] | None = None
        self.is_alive = True
        self._world, self._token, self._server = world, token, server
        self._dice = world.dice(f"trainer {number}")
        self._is_doomed = is_doomed
        self._awake = asyncio.Event()
        self._awake.set()
        self._changed = asyncio.Event()
        self._points: list[pb.MetricPoint] = []
        self._progress: pb.Progress | None = None
        self._command = pb.ReportResponse.CONTINUE
        self._unacknowledged = 0
        self._sequence = 0
        self._tasks: dict[asyncio.Task[Any], None] = {}
        self._spawn(self._live())

    def freeze(self) -> None:
        """SIGSTOP: what it has sent is on its way."""
        self._awake.clear()

    def thaw(self) -> None:
        """SIGCONT."""
        self._awake.set()

    def end(self, status: int) -> None:
        """However it ends."""
        if self.is_alive:
            self.is_alive = False
            for task in list(self._tasks):
                if task is not asyncio.current_task():
                    task.cancel()
            if self.on_exit:
                self.on_exit(status)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks[task] = None
        task.add_done_callback(lambda done: self._tasks.pop(done, None))
        return task

    async def _live(self) -> None:
        status = 0
        try:
            await self._train()
        except _OverError:
            status = 4
        except Exception as error:
            status = 1
            self._complain(error)
        self.end(status)

    def _complain(self, error: Exception) -> None:
        self._world.end(contract.BreachError(f"9: trainer {self.number} met {error!r}"))

    async def _train(self) -> None:
        assignment = await self._call(lambda s, c: s.worker.GetAssignment(pb.GetAssignmentRequest(), c))
        self._job_id, self._steps = (
            assignment.job_id,
            json.loads(assignment.spec_json)["epochs"] * EPOCH_STEPS,
        )
        reporting = self._spawn(self._guard(self._report()))
        saving: asyncio.Task[None] | None = None
        step = assignment.resume_from.step
        while step < self._steps and self._command == pb.ReportResponse.CONTINUE:
            await self._sleep(self._dice.uniform(0.05, 0.5))
            if self._is_doomed and self._dice.random() < 0.5:
                self.end(-9)
                return
            step += 1
            self._record(step)
            if step % EPOCH_STEPS == 0:
                if saving:
                    await saving
                saving = self._spawn(self._guard(self._save(step)))
        if saving:
            await saving
        await self._finish(step)
        reporting.cancel()

    async def _finish(self, step: int) -> None:
        request = pb.FinishAttemptRequest()
        if self._command == pb.ReportResponse.CANCEL:
            request.cancelled.SetInParent()
        elif self._command == pb.ReportResponse.PREEMPT:
            if step:
                await self._save(step)
            request.preempted.SetInParent()
        else:
            self._points.append(_point(Scope.TEST, "test/loss", step))
            request.succeeded.weights.CopyFrom(await self._upload(step))
            request.succeeded.definition_json = "{}"
        await self._flush()
        await self._call(lambda s, c: s.worker.FinishAttempt(request, c))

    def _record(self, step: int) -> None:
        self._points.append(_point(Scope.STEP, "train/loss", step))
        if step % EPOCH_STEPS == 0:
            self._points.append(_point(Scope.EPOCH, "val/loss", step))
        epochs, epoch = self._steps // EPOCH_STEPS, (step - 1) // EPOCH_STEPS + 1
        self._progress = pb.Progress(epoch=epoch, epochs=epochs, step=step, steps=self._steps, eta_seconds=-1)
        self._changed.set()

    async def _report(self) -> None:
        while True:
            await self._wait_for_news()
            points, self._points = self._points, []
            progress, self._progress = self._progress, None
            self._unacknowledged = 1
            self._sequence += 1
            request = pb.ReportRequest(sequence=self._sequence, metrics=points, progress=progress)
            answer = await self._call(functools.partial(_send_report, request))
            self._unacknowledged = 0
            if self._command == pb.ReportResponse.CONTINUE:
                self._command = answer.command

    async def _wait_for_news(self) -> None:
        if not (self._points or self._progress):
            self._changed.clear()
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await self._changed.wait()
            except TimeoutError:
                pass
        await self._awake.wait()

    async def _flush(self) -> None:
        while self._points or self._progress or self._unacknowledged:
            self._changed.set()
            await self._sleep(0.05)

    async def _save(self, step: int) -> None:
        while True:
            manifest = await self._upload(step)
            await self._flush()
            request = pb.CommitCheckpointRequest(manifest=manifest)
            try:
                await self._call(functools.partial(_commit, request))
                return
            except errors.FailedPrecondition as error:
                if error.reason != "MISSING_BLOB":
                    raise

    async def _upload(self, step: int) -> pb.Manifest:
        parts = [b"frozen", f"{self._job_id} at {step}".encode()]
        blobs = {hashlib.sha256(part).hexdigest(): part for part in parts}
        request = pb.FindMissingBlobsRequest(digests=list(blobs))
        found = await self._call(lambda s, c: s.worker.FindMissingBlobs(request, c))
        for digest in found.digests:
            blob = pb.Blob(digest=digest, data=blobs[digest])
            await self._call(functools.partial(_send_blob, blob))
        tensor = pb.TensorEntry(name="w", dtype="uint8", shape=[1], digests=list(blobs), size_bytes=1)
        return pb.Manifest(epoch=step // EPOCH_STEPS, step=step, tensors=[tensor])

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except _OverError:
            self.end(4)
        except Exception as error:
            self._complain(error)
            self.end(1)

    async def _call(self, method: Callable[[Server, Any], Any]) -> Any:
        context = network.make_context(self._token)

        def work(server: Server) -> Any:
            return method(server, context)

        while True:
            await self._awake.wait()
            try:
                answer = await network.call(self._world, self._dice, self._server, work)
            except errors.Unavailable:
                await self._sleep(PAUSE_S)
            except STALE as error:
                raise _OverError from error
            else:
                await self._awake.wait()
                return answer

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._awake.wait()


def _send_report(request: pb.ReportRequest, server: Server, context: Any) -> Any:
    return network.first(server.worker.Report(network.one(request), context))


def _commit(request: pb.CommitCheckpointRequest, server: Server, context: Any) -> Any:
    return server.worker.CommitCheckpoint(request, context)


def _send_blob(blob: pb.Blob, server: Server, context: Any) -> Any:
    return server.worker.UploadBlobs(network.one(pb.UploadBlobsRequest(blob=blob)), context)


def _point(scope: Scope, name: str, step: int) -> pb.MetricPoint:
    epoch = (step - 1) // EPOCH_STEPS + 1
    return pb.MetricPoint(
        scope=int(scope), name=name, step=step, epoch=epoch, value=contract.value_of(scope, name, step)
    )
