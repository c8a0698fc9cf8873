"""What the store in memory keeps, and how it is found."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from bessemer_server.domain.aliases import Alias
from bessemer_server.domain.checkpoints import Checkpoint, Manifest
from bessemer_server.domain.datasets import Dataset
from bessemer_server.domain.events import Event
from bessemer_server.domain.jobs import Attempt, Job, Time
from bessemer_server.domain.logs import LogLine
from bessemer_server.domain.metrics import Metric
from bessemer_server.domain.models import Model
from bessemer_server.domain.pictures import Pictures
from bessemer_server.stores import rules


@dataclasses.dataclass(slots=True)
class Record:
    """All that belongs to one job."""

    job: Job
    fingerprint: str
    events: list[Event] = dataclasses.field(default_factory=list)
    attempts: dict[int, Attempt] = dataclasses.field(default_factory=dict)
    metrics: dict[rules.MetricKey, Metric] = dataclasses.field(default_factory=dict)
    checkpoints: dict[int, Checkpoint] = dataclasses.field(default_factory=dict)
    pictures: dict[int, Pictures] = dataclasses.field(default_factory=dict)
    held: dict[int, set[str]] = dataclasses.field(default_factory=dict)
    threads: int = 0
    delete_time: Time | None = None
    lines: list[tuple[LogLine, int]] = dataclasses.field(default_factory=list)
    """With the position where each ends."""

    def apply(self, change: rules.Change) -> Job:
        """Take a change over; returns the job as it is now."""
        self.job = change.job
        self.events.extend(change.events)
        return self.job

    def touch(self, now: Time) -> None:
        """Renew the lease of the current attempt."""
        number = self.job.attempt
        self.attempts[number] = dataclasses.replace(self.attempts[number], lease_time=now)


class Records:
    """What everything else is done on. `blobs` is shared with a `blobs.memory.MemoryBlobStore`."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self._records: dict[str, Record] = {}
        self._requests: dict[str, str] = {}
        self._tokens: dict[str, tuple[str, int]] = {}
        self._models: dict[str, dict[int, Model]] = {}
        self._last_versions: dict[str, int] = {}
        self._aliases: dict[tuple[str, str], Alias] = {}
        self._datasets: dict[str, Dataset] = {}
        self._uploads: dict[str, tuple[Time, set[str]]] = {}

    def _record(self, job_id: str) -> Record:
        if job_id not in self._records:
            raise rules.unknown_job(job_id)
        record = self._records[job_id]
        if record.delete_time is not None:
            raise rules.deleted_job(job_id, record.delete_time)
        return record

    def _current(self, job_id: str, attempt: int) -> Record:
        record = self._record(job_id)
        rules.check_current(record.job, attempt)
        return record

    def _jobs(self) -> Iterable[Job]:
        return (record.job for record in self._records.values() if record.delete_time is None)

    def _missing(self, manifest: Manifest) -> list[str]:
        return [digest for digest in manifest.digests() if digest not in self.blobs]


def age(job: Job) -> tuple[Time, str]:
    """By which jobs are in the order in which they were created."""
    return job.create_time, job.id
