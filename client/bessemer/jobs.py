"""Jobs: what `client.train` gives, and `client.jobs`."""

from __future__ import annotations

import datetime
import itertools
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bessemer import _calls, errors, events, history
from bessemer.events import Checkpoint, Event, Failure, Progress
from bessemer.transport import Transport
from bessemer.v1 import jobs_pb2

if TYPE_CHECKING:
    import os

    from matplotlib.figure import Figure

    from bessemer.models import Model

RECONNECT_PATIENCE_S = 60.0
"""How long `watch` tries to reach a server that went away."""
RECONNECT_PAUSES_S = (0.1, 0.2, 0.5, 1.0)
"""Between its tries; the last one is for all further ones."""


class Job:
    """A training job. What it shows is what was known at the last call; `refresh()` asks again."""

    def __init__(self, transport: Transport, message: jobs_pb2.Job) -> None:
        self._transport = transport
        self._message = message
        self._model: Model | None = None

    def __repr__(self) -> str:
        progress = self.progress
        where = f" epoch {progress.epoch}/{progress.epochs}" if progress.epochs else ""
        return f"<Job {self.id} {self.name!r} {self.state}{where}>"

    @property
    def id(self) -> str:
        """Unique for ever."""
        return self._message.id

    @property
    def name(self) -> str:
        """The name under which the model is published."""
        return self._message.name

    @property
    def state(self) -> str:
        """QUEUED, STARTING, RUNNING, PAUSING, PAUSED, CANCELLING, CANCELLED, SUCCEEDED or FAILED."""
        return events.name_of(jobs_pb2.Job.State, self._message.state)

    @property
    def state_message(self) -> str:
        """Why the job is in this state, e.g. what it waits for."""
        return self._message.state_message

    @property
    def is_over(self) -> bool:
        """Whether the state is one that a job never leaves."""
        return self.state in events.TERMINAL

    @property
    def architecture(self) -> str:
        """What is trained."""
        return self._message.spec.architecture

    @property
    def dataset(self) -> str:
        """What it is trained on."""
        return self._message.spec.dataset

    @property
    def spec(self) -> dict[str, Any]:
        """The specification as it was submitted."""
        return _calls.spec_to_dict(self._message.spec)

    @property
    def effective_spec(self) -> dict[str, Any]:
        """The specification with every default filled in."""
        return _calls.spec_to_dict(self._message.effective_spec)

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return events.parse_progress(self._message.progress)

    @property
    def attempt(self) -> int:
        """Number of the current or last attempt; 0 before the first."""
        return self._message.attempt

    @property
    def metrics(self) -> dict[str, float]:
        """Last value of each epoch and test metric."""
        return dict(self._message.metrics)

    @property
    def failure(self) -> Failure | None:
        """Why it FAILED."""
        return events.parse_failure(self._message.failure) if self._message.HasField("failure") else None

    @property
    def create_time(self) -> datetime.datetime:
        """When it was accepted, UTC."""
        return self._message.create_time.ToDatetime(datetime.UTC)

    @property
    def duration(self) -> datetime.timedelta | None:
        """From the start of the first attempt to the end, or to now; None before the start."""
        if not self._message.HasField("start_time"):
            return None
        end = (
            self._message.end_time.ToDatetime(datetime.UTC)
            if self._message.HasField("end_time")
            else datetime.datetime.now(datetime.UTC)
        )
        return end - self._message.start_time.ToDatetime(datetime.UTC)

    @property
    def model(self) -> Model | None:
        """What was published; None until the job has SUCCEEDED."""
        from bessemer import models

        if self._model is None and self.model_reference:
            self._model = models.Models(self._transport).get(self.model_reference)
        return self._model

    @property
    def model_reference(self) -> str | None:
        """`name@version` of what was published, for `client.models.get`; None until the job has SUCCEEDED."""
        if not self._message.HasField("model"):
            return None
        return f"{self._message.model.name}@{self._message.model.version}"

    @property
    def history(self) -> history.History:
        """Epoch metrics by name, oldest first; `.steps` has the step metrics."""
        return history.fetch(self._transport, self.id)

    def refresh(self) -> Job:
        """Ask the server how things stand; returns this job."""
        self._message = self._transport.call(self._transport.jobs.GetJob, jobs_pb2.GetJobRequest(id=self.id))
        return self

    def watch(self, after: int = 0) -> Iterator[Event]:
        """Events behind the cursor `after`, as they happen, until the job is over.

        Survives restarts of the server: it goes on behind the last event, none missing and none twice. Raises
        `Unavailable` when the server stays away.
        """
        cursor, away_since, tries = after, 0.0, 0
        while True:
            request = jobs_pb2.WatchJobRequest(id=self.id, cursor=cursor)
            try:
                for message in self._transport.stream(self._transport.jobs.WatchJob, request):
                    event = events.parse_event(message)
                    cursor, tries = event.cursor, 0
                    self._note(message)
                    yield event
                return
            except errors.Unavailable:
                now = time.monotonic()
                away_since = away_since if tries else now
                if now - away_since > RECONNECT_PATIENCE_S:
                    raise
                time.sleep(RECONNECT_PAUSES_S[min(tries, len(RECONNECT_PAUSES_S) - 1)])
                tries += 1

    def _note(self, message: jobs_pb2.JobEvent) -> None:
        """Keep what this object shows in step with the event."""
        job = self._message
        job.last_cursor = message.cursor
        match message.WhichOneof("kind"):
            case "state_changed":
                change = message.state_changed
                job.state, job.attempt, job.state_message = change.state, change.attempt, change.message
                if change.HasField("failure"):
                    job.failure.CopyFrom(change.failure)
                if change.HasField("model"):
                    job.model.CopyFrom(change.model)
            case "progressed":
                job.progress.CopyFrom(message.progressed.progress)
            case "metrics_recorded":
                for point in message.metrics_recorded.metrics:
                    job.metrics[point.name] = point.value

    def wait(self, *, progress: bool = True) -> Job:
        """Wait for the end, with a progress bar on a terminal and a line for each epoch elsewhere; returns this job.

        Raises `JobFailed` when the job FAILED or was CANCELLED. Ctrl-C stops the waiting, not the job.
        """
        from bessemer import progress as progress_module

        with progress_module.show(self, enabled=progress, goes_on=not self._transport.is_private) as display:
            for event in self.watch():
                display.update(event)
        self.refresh()
        if self.state != "SUCCEEDED":
            raise self._describe_end()
        return self

    def _describe_end(self) -> errors.JobFailed:
        failure = self.failure
        if failure is None:
            return errors.JobFailed(f"job {self.id} ({self.name}) was cancelled", "CANCELLED")
        text = f"job {self.id} ({self.name}) failed: {failure.reason}: {failure.message}"
        if failure.next_step:
            text += f"\nNext step: {failure.next_step}"
        return errors.JobFailed(text, failure.reason, failure)

    def cancel(self) -> Job:
        """Ask the job to stop; returns at once. Raises `FailedPrecondition` when it has ended otherwise."""
        self._message = self._transport.call(
            self._transport.jobs.CancelJob, jobs_pb2.CancelJobRequest(id=self.id)
        )
        return self

    def checkpoints(self) -> list[Checkpoint]:
        """Checkpoints that are kept, oldest first."""
        request = jobs_pb2.ListCheckpointsRequest(id=self.id)
        found = self._transport.call(self._transport.jobs.ListCheckpoints, request)
        return [events.parse_checkpoint(message) for message in found.checkpoints]

    def plot(self, path: str | os.PathLike[str] | None = None) -> Figure:
        """Loss and accuracy over the epochs, training and validation; written to `path` when given (PNG, PDF, SVG).

        Needs matplotlib: `pip install "bessemer[plot]"`.
        """
        from bessemer import plots

        return plots.draw_history(
            self.history, title=f"{self.name} · {self.architecture} on {self.dataset}", path=path
        )


class Jobs:
    """`client.jobs`: the jobs of a service."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, job_id: str) -> Job:
        """The job with this id. Raises `NotFound`."""
        message = self._transport.call(self._transport.jobs.GetJob, jobs_pb2.GetJobRequest(id=job_id))
        return Job(self._transport, message)

    def list(
        self,
        *,
        state: str | None = None,
        architecture: str | None = None,
        name: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Job]:
        """Jobs, newest first, all or those that fit; pages are fetched as they are needed."""
        request = jobs_pb2.ListJobsRequest(
            page_size=min(limit or 200, 200),
            states=[_parse_state(state)] if state else [],
            architecture=architecture or "",
            name=name or "",
        )
        return itertools.islice(self._pages(request), limit)

    def _pages(self, request: jobs_pb2.ListJobsRequest) -> Iterator[Job]:
        while True:
            page = self._transport.call(self._transport.jobs.ListJobs, request)
            yield from (Job(self._transport, message) for message in page.jobs)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token


def _parse_state(state: str) -> str:
    known = [name for name in jobs_pb2.Job.State.keys() if name != "STATE_UNSPECIFIED"]  # noqa: SIM118 - no mapping
    if state.upper() not in known:
        violation = errors.Violation("state", f"there is no state {state!r}; there are {', '.join(known)}")
        raise errors.InvalidArgument(violations=(violation,))
    return state.upper()
