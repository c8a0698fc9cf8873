"""What the training loop sees of the server: reports go out and commands come in, off the step path."""

from __future__ import annotations

import dataclasses
import functools
import queue
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import grpc

from bessemer.worker.v1 import worker_pb2 as pb
from bessemer_server.domain import checkpoints, failpoints
from bessemer_server.domain.jobs import Command, Progress
from bessemer_server.domain.metrics import Metric
from bessemer_server.training import loop
from bessemer_server.worker import arrays, reporting, snapshots, wire

HEARTBEAT_S = 1.0
REPORT_MAX_POINTS = 5_000
BUFFER_MAX_POINTS = 2_000_000
"""Points that are kept while the server is away, about 200 MB; then the loop waits."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Handed:
    """A snapshot on its way to the store."""

    snapshot: loop.Snapshot
    told: int
    """How much the loop had told before it."""


class RemoteObserver:
    """Buffers what the loop tells and sends it from threads of its own; a context manager.

    One thread reports (at once when there is news, else each second as heartbeat), one saves checkpoints. Whatever goes
    wrong in a thread is raised in the loop, at its next call.
    """

    def __init__(self, client: reporting.Client) -> None:
        self._client = client
        self._begun_s = time.monotonic()
        self._changed = threading.Condition()
        # In the order in which it was told, so that a position in it says what came before.
        self._waiting: list[Metric | Progress] = []
        self._told = 0
        self._acknowledged = 0
        self._command = Command.CONTINUE
        self._is_closed = False
        self._error: BaseException | None = None
        # At most one waits: the loop may be one checkpoint ahead of the disk, not more.
        self._results: queue.Queue[_Handed | loop.Drawn | None] = queue.Queue(maxsize=1)
        self._threads = [
            threading.Thread(target=self._guard, args=(work,), name=work.__name__.strip("_"), daemon=True)
            for work in (self._report, self._save)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        if kind is None:
            self._results.put(None)

    def record(self, metrics: Sequence[Metric]) -> None:
        """Queue metric points."""
        self._tell(metrics)

    def progress(self, progress: Progress) -> None:
        """Queue the newest progress, and send all that is queued."""
        self._tell([progress])
        with self._changed:
            self._changed.notify_all()

    def _tell(self, news: Sequence[Metric | Progress]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < BUFFER_MAX_POINTS or self._error)
            self._raise_error()
            self._waiting.extend(news)
            self._told += len(news)

    def checkpoint(self, snapshot: loop.Snapshot) -> None:
        """Hand over a snapshot to be saved; waits while the one before is still being saved and another one waits."""
        self._raise_error()
        self._results.put(_Handed(snapshot, self._told))

    def pictures(self, drawn: loop.Drawn) -> None:
        """Hand over what a generator drew, to be in the store before the next snapshot; waits as `checkpoint` does."""
        self._raise_error()
        self._results.put(drawn)

    @property
    def is_saving(self) -> bool:
        """Whether a snapshot is on its way to the store, or waits for its turn."""
        return self._results.unfinished_tasks > 0

    def command(self) -> Command:
        """What the server wanted when it was last heard."""
        self._raise_error()
        return self._command

    def preempt(self) -> None:
        """Save and stop, as if the server had said so. Safe in a signal handler."""
        self._command = Command.PREEMPT

    def flush(self) -> None:
        """Wait until all reports are acknowledged and all checkpoints are in the store."""
        while self._results.unfinished_tasks and self._error is None:
            with self._changed:
                self._changed.wait(0.05)
        self._flush_reports(self._told)

    def _flush_reports(self, told: int) -> None:
        """Wait until the first so many reports are acknowledged, and for none that the loop adds meanwhile."""
        with self._changed:
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._acknowledged >= told or self._error)
            self._raise_error()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            with self._changed:
                self._error = error
                self._changed.notify_all()
            if work == self._save:  # whoever waits in put() must get through to see the error
                while self._results.get() is not None:
                    self._results.task_done()

    def _save(self) -> None:
        digester = arrays.Digester()
        while (result := self._results.get()) is not None:
            if isinstance(result, loop.Drawn):
                failpoints.hit("trainer.before_pictures")
                self._client.record_pictures(result.epoch, result.pictures)
                failpoints.hit("trainer.after_pictures")
            else:
                commit = functools.partial(self._commit, result.told)
                snapshots.deliver(self._client, result.snapshot, commit, digester)
            del result  # its bytes, while nothing is to be saved
            self._results.task_done()

    def _commit(self, told: int, manifest: checkpoints.Manifest) -> None:
        # Metrics up to a checkpoint must be in the store before it is: nobody will compute them again. Those after it
        # need not be, and there is no end of them while steps are fast.
        self._flush_reports(told)
        failpoints.hit("trainer.before_checkpoint")
        self._client.commit_checkpoint(manifest)
        failpoints.hit("trainer.after_checkpoint")

    def _report(self) -> None:
        sequence = 0
        stream = _Lockstep(self._client)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closed, HEARTBEAT_S)
                if self._is_closed and not self._waiting:
                    return
                news = self._waiting[:REPORT_MAX_POINTS]
                del self._waiting[:REPORT_MAX_POINTS]
            sequence += 1
            request = _write(sequence, news, time.monotonic() - self._begun_s)
            failpoints.hit("trainer.before_report")
            response = stream.exchange(request)
            failpoints.hit("trainer.after_report")
            with self._changed:
                if self._command is Command.CONTINUE:
                    self._command = Command(response.command)
                self._acknowledged += len(news)
                self._changed.notify_all()


def _write(sequence: int, news: Sequence[Metric | Progress], run_s: float) -> pb.ReportRequest:
    progress = [told for told in news if isinstance(told, Progress)]
    return pb.ReportRequest(
        sequence=sequence,
        metrics=[wire.metric_to_wire(told) for told in news if isinstance(told, Metric)],
        progress=wire.progress_to_wire(progress[-1]) if progress else None,
        run_seconds=run_s,
    )


class _Lockstep:
    """One answer for each request over a stream that is opened again when the server comes back."""

    def __init__(self, client: reporting.Client) -> None:
        self._client = client
        self._open()

    def _open(self) -> None:
        self._requests: queue.SimpleQueue[pb.ReportRequest | None] = queue.SimpleQueue()
        self._responses = self._client.open_reports(iter(self._requests.get, None))

    def exchange(self, request: pb.ReportRequest) -> pb.ReportResponse:
        """Send until it is answered. The server applies a message that it had already without a second effect."""
        patience = reporting.Patience()
        for pause_s in patience.pauses():
            self._requests.put(request)
            try:
                return next(self._responses)
            except StopIteration:
                pass
            except grpc.RpcError as error:
                patience.check(error)
            self._requests.put(None)
            threading.Event().wait(pause_s)
            self._open()
        raise reporting.Unreachable("reports are no longer answered")
