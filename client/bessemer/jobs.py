"""Jobs: what `client.train` gives, and `client.jobs`."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bessemer import _calls, errors, events, generation, history, predictions, reconnecting
from bessemer.events import Checkpoint, Event, LogLine, StateChanged
from bessemer.job_record import JobRecord
from bessemer.transport import Transport
from bessemer.v1 import jobs_pb2

if TYPE_CHECKING:
    import os
    from typing import BinaryIO

    import numpy as np
    import numpy.typing as npt
    from matplotlib.figure import Figure

    from bessemer.model_record import Prediction
    from bessemer.models import Model

RECONNECT_PATIENCE_S = 60.0
"""How long `watch` tries to reach a server that went away."""


class Job(JobRecord):
    """A job: it trains, or predicts over a data set. What it shows is what was known at the last call; `refresh()` asks again."""

    def __init__(self, transport: Transport, message: jobs_pb2.Job) -> None:
        super().__init__(message)
        self._transport = transport
        self._model: Model | None = None

    @property
    def model(self) -> Model | None:
        """What was published; None until the job has SUCCEEDED."""
        from bessemer import models

        if self._model is None and self.model_reference:
            self._model = models.Models(self._transport).get(self.model_reference)
        return self._model

    @property
    def history(self) -> history.History:
        """Epoch metrics by name, oldest first; `.steps` has the step metrics."""
        request = jobs_pb2.ListMetricsRequest(id=self.id)
        return history.collect(self._transport.list(self._transport.jobs.ListMetrics, request, "metrics"))

    @property
    def transitions(self) -> list[StateChanged]:
        """Every change of state since the job was accepted, oldest first: when, in which attempt, and why."""
        request = jobs_pb2.ListTransitionsRequest(id=self.id)
        found = self._transport.call(self._transport.jobs.ListTransitions, request)
        return events.parse_transitions(found)

    def refresh(self) -> Job:
        """Ask the server how things stand; returns this job."""
        self._message = self._transport.call(self._transport.jobs.GetJob, jobs_pb2.GetJobRequest(id=self.id))
        return self

    def watch(self, after: int = 0) -> Iterator[Event]:
        """Events behind the cursor `after`, as they happen, until the job is over.

        Survives restarts of the server: it goes on behind the last event, none missing and none twice. Raises
        `Unavailable` when the server stays away.
        """
        tries = reconnecting.Reconnecting(RECONNECT_PATIENCE_S)
        request = jobs_pb2.WatchJobRequest(id=self.id, cursor=after)
        while True:
            try:
                for message in self._transport.stream(self._transport.jobs.WatchJob, request):
                    request.cursor = message.cursor
                    tries.reset()
                    self._note(message)
                    yield events.parse_event(message)
                return
            except errors.Unavailable:
                if (pause_s := tries.choose_pause(time.monotonic())) is None:
                    raise
                time.sleep(pause_s)

    def wait(self, *, progress: bool = True) -> Job:
        """Wait for the end, with a progress bar on a terminal and a line for each epoch elsewhere; returns this job.

        Raises `JobFailed` when the job FAILED or was CANCELLED. Ctrl-C stops the waiting, not the job.
        """
        from bessemer import progress as progress_module

        with progress_module.show(self, enabled=progress, goes_on=not self._transport.is_private) as display:
            for event in self.watch():
                display.update(event)
        # The service may restart between the last event and this.
        self._message = self._transport.outlive(
            self._transport.jobs.GetJob, jobs_pb2.GetJobRequest(id=self.id)
        )
        self._check_success()
        return self

    def cancel(self) -> Job:
        """Ask the job to stop; returns at once. Raises `FailedPrecondition` when it has ended otherwise."""
        self._message = self._transport.call(
            self._transport.jobs.CancelJob, jobs_pb2.CancelJobRequest(id=self.id)
        )
        return self

    def pause(self) -> Job:
        """Ask the job to save a checkpoint and free its slot; returns at once. Raises `FailedPrecondition` when it has ended."""
        self._message = self._transport.call(
            self._transport.jobs.PauseJob, jobs_pb2.PauseJobRequest(id=self.id)
        )
        return self

    def resume(self) -> Job:
        """Queue the paused job again: it goes on from its last checkpoint. Raises `FailedPrecondition` while it is PAUSING
        still, or when it has ended.
        """
        self._message = self._transport.call(
            self._transport.jobs.ResumeJob, jobs_pb2.ResumeJobRequest(id=self.id)
        )
        return self

    def retry(self) -> Job:
        """Queue the job again that FAILED or was CANCELLED: it goes on from its last checkpoint. Raises
        `FailedPrecondition` when it has SUCCEEDED, is not over, or needs a data set or a model that was deleted.
        """
        self._message = self._transport.call(
            self._transport.jobs.RetryJob, jobs_pb2.RetryJobRequest(id=self.id)
        )
        return self

    def delete(self) -> None:
        """Delete the job with its events, metrics, checkpoints and predictions; the model that it published stays. Raises
        `FailedPrecondition` while it is not over: cancel it first.
        """
        self._transport.call(self._transport.jobs.DeleteJob, jobs_pb2.DeleteJobRequest(id=self.id))

    def logs(self, *, follow: bool = False, after: int = 0, attempt: int | None = None) -> Iterator[LogLine]:
        """What the trainers printed, line by line behind the cursor `after`: standard output, standard error, warnings and
        tracebacks. `follow` waits for more until the job is over, through restarts of the server; `attempt` picks one attempt.

        The last MiB of each attempt is kept, also after the end. Raises `InvalidArgument`, and `Unavailable` when the server
        stays away.
        """
        request = _calls.build_logs(self.id, follow, after, attempt)
        tries = reconnecting.Reconnecting(RECONNECT_PATIENCE_S)
        while True:
            try:
                for message in self._transport.stream(self._transport.jobs.StreamLogs, request):
                    request.cursor = message.cursor
                    tries.reset()
                    yield events.parse_log_line(message)
                return
            except errors.Unavailable:
                if (pause_s := tries.choose_pause(time.monotonic())) is None or not follow:
                    raise
                time.sleep(pause_s)

    def checkpoints(self) -> list[Checkpoint]:
        """Checkpoints that are kept, oldest first."""
        request = jobs_pb2.ListCheckpointsRequest(id=self.id)
        found = self._transport.call(self._transport.jobs.ListCheckpoints, request)
        return [events.parse_checkpoint(message) for message in found.checkpoints]

    def samples(self, epoch: int | None = None) -> npt.NDArray[np.uint8]:
        """Pictures [N, H, W, C] that a generator drew at the end of an epoch, the newest by default, always from the same
        noise; also while the job runs. Raises `NotFound` for an epoch without pictures, `FailedPrecondition` when there are
        none.
        """
        request = generation.build_pictures_request(self.id, epoch)
        return generation.parse_pictures(self._transport.call(self._transport.jobs.GetPictures, request))

    def sample_epochs(self) -> list[int]:
        """Epochs whose pictures `samples` has. Raises `FailedPrecondition` when there are none."""
        request = generation.build_pictures_request(self.id, None)
        return [*(self._transport.call(self._transport.jobs.GetPictures, request)).epochs]

    def plot_samples(self, path: str | os.PathLike[str], epoch: int | None = None) -> None:
        """Write the pictures of `samples(epoch)` side by side as one (PNG, JPEG, ...). Raises as that.

        Needs Pillow: `pip install "bessemer[plot]"`.
        """
        from bessemer import pictures

        pictures.save(generation.arrange(self.samples(epoch)), path)

    def predictions(self) -> Iterator[Prediction]:
        """What a prediction job has found, sample by sample in their order, as it is needed: each with its `true_label`.

        Raises `FailedPrecondition` before the job has SUCCEEDED, and for a job that trains.
        """
        reader = predictions.Reader()
        request = jobs_pb2.ReadPredictionsRequest(id=self.id)
        for message in self._transport.stream(self._transport.jobs.ReadPredictions, request):
            yield from reader.read(message)

    def export_predictions(self, path: str | os.PathLike[str] | BinaryIO) -> None:
        """Write what a prediction job has found to a file, which is there when it is whole. `.csv`, and a binary file that is open:
        a line for each sample, with `sample` (from 0), `true_label`, `label`, `probability` and a column for each class,
        `p_<label>`. `.npz`: the arrays `probabilities` [N, K], `index`, `label`, `true_label` [N] and `labels` [K].

        Raises as `predictions`, and `InvalidArgument` for another ending or a folder that is not there.
        """
        request = jobs_pb2.ReadPredictionsRequest(id=self.id)
        with predictions.writing(path) as writer:
            for message in self._transport.stream(self._transport.jobs.ReadPredictions, request):
                writer.write(message)

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Loss and accuracy over the epochs, training and validation; written to `path` when given (PNG, PDF, SVG).

        Needs matplotlib: `pip install "bessemer[plot]"`.
        """
        from bessemer import plots

        plots.check_trains(self)
        return plots.draw_history(
            self.history, title=f"{self.name} · {self.architecture} on {self.dataset}", path=path
        )


class Jobs:
    """`client.jobs`: the jobs of a service."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, job_id: str) -> Job:
        """The job with this id. Raises `NotFound`."""
        request = _calls.build_get_job(job_id)
        return Job(self._transport, self._transport.call(self._transport.jobs.GetJob, request))

    def list(
        self,
        *,
        state: str | None = None,
        architecture: str | None = None,
        name: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Job]:
        """Jobs, newest first, all or those that fit; pages are fetched as they are needed."""
        request = _calls.build_job_list(state, architecture, name, limit)
        found = self._transport.list(self._transport.jobs.ListJobs, request, "jobs")
        return (Job(self._transport, message) for message in itertools.islice(found, limit))
