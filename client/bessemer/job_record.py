"""What a job shows, through whichever face it was had. No I/O."""

from __future__ import annotations

import datetime
from typing import Any

from bessemer import _specs, errors, events
from bessemer.events import Failure, Progress
from bessemer.v1 import jobs_pb2


class JobRecord:
    """What is known of a job since the last call or event."""

    def __init__(self, message: jobs_pb2.Job) -> None:
        self._message = message

    def __repr__(self) -> str:
        progress = self.progress
        where = f" epoch {progress.epoch}/{progress.epochs}" if progress.epochs else ""
        if self._is_prediction:
            where = f" {progress.fraction:.0%} of {self.dataset} by {self.effective_spec['model']}"
        return f"<Job {self.id} {self.name!r} {self.state}{where}>"

    @property
    def id(self) -> str:
        """Unique for ever."""
        return self._message.id

    @property
    def name(self) -> str:
        """The name under which the model is published; of predictions, what they are found by."""
        return self._message.name

    @property
    def kind(self) -> str:
        """`training` or `prediction`."""
        return "prediction" if self._is_prediction else "training"

    @property
    def _is_prediction(self) -> bool:
        return self._message.HasField("prediction")

    @property
    def state(self) -> str:
        """QUEUED, STARTING, RUNNING, PAUSING, PAUSED, CANCELLING, CANCELLED, SUCCEEDED or FAILED."""
        return events.name_of(jobs_pb2.Job.State, self._message.state)

    @property
    def state_message(self) -> str:
        """Why the job is in this state, e.g. what it waits for."""
        return self._message.state_message

    @property
    def wait_reason(self) -> str:
        """SLOT, BACK_OFF, DISK_FULL or DATABASE_BUSY: what the job waits for; empty while it waits for nothing."""
        reason = self._message.wait_reason
        return events.name_of(jobs_pb2.Job.WaitReason, reason) if reason else ""

    @property
    def priority(self) -> int:
        """Of the jobs that wait, the highest starts first."""
        return self._message.priority

    @property
    def max_runtime(self) -> datetime.timedelta | None:
        """For so long it may hold a slot, all attempts together; None for ever."""
        return self._message.max_runtime.ToTimedelta() if self._message.HasField("max_runtime") else None

    @property
    def run_time(self) -> datetime.timedelta:
        """So long it has held a slot since it was created or last retried."""
        return self._message.run_time.ToTimedelta()

    @property
    def queue_position(self) -> int | None:
        """Place in the queue when the service was last asked, 1 is next; None for a job that is not ready to start."""
        return self._message.queue_position or None

    @property
    def is_over(self) -> bool:
        """Whether the job has ended; only `retry` leads on from there."""
        return self.state in events.TERMINAL

    @property
    def architecture(self) -> str:
        """What is trained; empty for predictions."""
        return self._message.spec.architecture

    @property
    def dataset(self) -> str:
        """What it trains on, or predicts."""
        message = self._message
        return message.effective_prediction.dataset if self._is_prediction else message.spec.dataset

    @property
    def spec(self) -> dict[str, Any]:
        """The specification as it was submitted."""
        message = self._message
        return _specs.spec_to_dict(message.prediction if self._is_prediction else message.spec)

    @property
    def effective_spec(self) -> dict[str, Any]:
        """The specification with every default filled in."""
        message = self._message
        work = message.effective_prediction if self._is_prediction else message.effective_spec
        return _specs.spec_to_dict(work)

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
    def model_reference(self) -> str | None:
        """`name@version` of what was published, for `client.models.get`; None until a job that trains has SUCCEEDED."""
        if not self._message.HasField("model"):
            return None
        return f"{self._message.model.name}@{self._message.model.version}"

    def _note(self, message: jobs_pb2.JobEvent) -> None:
        """Keep what this object shows in step with the event."""
        job = self._message
        job.last_cursor = message.cursor
        match message.WhichOneof("kind"):
            case "state_changed":
                change = message.state_changed
                job.state, job.attempt, job.state_message = change.state, change.attempt, change.message
                job.ClearField("queue_position")
                job.ClearField("wait_reason")
                if change.HasField("failure"):
                    job.failure.CopyFrom(change.failure)
                else:
                    job.ClearField("failure")  # of an attempt before a retry
                if not self.is_over:
                    job.ClearField("end_time")
                if change.HasField("model"):
                    job.model.CopyFrom(change.model)
            case "progressed":
                job.progress.CopyFrom(message.progressed.progress)
            case "metrics_recorded":
                for point in message.metrics_recorded.metrics:
                    job.metrics[point.name] = point.value

    def _check_success(self) -> None:
        """Raise `JobFailed` unless the job has SUCCEEDED."""
        if self.state == "SUCCEEDED":
            return
        failure = self.failure
        if failure is None:
            raise errors.JobFailed(f"job {self.id} ({self.name}) was cancelled", "CANCELLED")
        text = f"job {self.id} ({self.name}) failed: {failure.reason}: {failure.message}"
        if failure.next_step:
            text += f"\nNext step: {failure.next_step}"
        raise errors.JobFailed(text, failure.reason, failure)
