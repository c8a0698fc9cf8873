"""The seams: what the rooms ask of each other. Each has an in-memory twin and a conformance suite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

from bessemer_server.domain.aliases import Alias
from bessemer_server.domain.bases import NO_BASES, Base
from bessemer_server.domain.checkpoints import Checkpoint, Manifest, Retention
from bessemer_server.domain.datasets import Content, Dataset, Upload
from bessemer_server.domain.evaluations import Evaluation
from bessemer_server.domain.events import Event
from bessemer_server.domain.holders import Holder, Sweep
from bessemer_server.domain.jobs import (
    Attempt,
    Command,
    Exit,
    Failure,
    Job,
    JobFilter,
    NewJob,
    Obstacle,
    Page,
    Progress,
    Time,
)
from bessemer_server.domain.logs import LogLine, PrintedLine
from bessemer_server.domain.metrics import Metric, Scope
from bessemer_server.domain.models import Listed, Model, Origin, Publication
from bessemer_server.domain.pictures import Pictures
from bessemer_server.domain.plans import Catalog, DatasetInfo, Plan
from bessemer_server.domain.predictions import Asked
from bessemer_server.domain.tensors import Tensor


class Store(Protocol):
    """Jobs, attempts, metrics, events, checkpoints and models: the truth.

    Each method is one transaction: when it returns, what it did survives a crash. Every change of a job's state appends
    a `StateChanged` event in the same transaction, moves are checked against `states.MOVES`, and events are numbered
    per job from 1 without gaps. Methods with an `attempt` raise `errors.StaleAttempt`, changing nothing, unless that
    attempt is the job's current one and the job is in an active state. Unknown jobs raise `errors.NotFound`.
    """

    async def create_job(self, job: NewJob, now: Time) -> Job:
        """Create a QUEUED job. The same request_id and fingerprint return the first job; raises `AlreadyExists` for
        the same request_id with another fingerprint, `NotFound` when the first job was deleted, `FailedPrecondition`
        when its uploaded data set, or a model that it predicts or begins with, is gone.
        """
        ...

    async def find_submitted(self, request_id: str, fingerprint: str) -> Job | None:
        """The job that this very request has made before. Raises as `create_job`."""
        ...

    async def get_job(self, job_id: str) -> Job: ...

    async def list_jobs(self, filter: JobFilter, page_size: int, page_token: str) -> Page[Job]:
        """Newest first (create_time, then id). Raises `InvalidArgument` for a token of another filter."""
        ...

    async def queued_jobs(self, limit: int, now: Time) -> Sequence[Job]:
        """QUEUED jobs that are ready (`Job.is_ready`): highest priority first, then oldest first."""
        ...

    async def queue_positions(self, job_ids: Iterable[str], now: Time) -> Mapping[str, int]:
        """Place of each of these jobs in that order, from 1; without those that are not in it."""
        ...

    async def active_attempts(self) -> Sequence[Attempt]:
        """Current attempts of jobs in an active state."""
        ...

    async def start_attempt(self, job_id: str, slot: str, token_digest: str, now: Time) -> Attempt | None:
        """QUEUED → STARTING with the next attempt number; None when the job is no longer QUEUED (somebody else took
        it, or it was cancelled). Sets start_time the first time.
        """
        ...

    async def set_pid(self, job_id: str, attempt: int, pid: int) -> None: ...

    async def pin_threads(self, job_id: str, attempt: int, threads: int) -> int:
        """The threads that the job's first attempt was given; these if this is it. Their number decides the order of sums, and so
        an attempt without a checkpoint would otherwise go on with metrics of another run.
        """
        ...

    async def authenticate(self, token_digest: str) -> Attempt:
        """The attempt that a token was made for, current or not. Raises `Unauthenticated`."""
        ...

    async def report(
        self,
        job_id: str,
        attempt: int,
        metrics: Sequence[Metric],
        progress: Progress | None,
        now: Time,
        *,
        run_s: float = 0.0,
    ) -> Command:
        """Renew the lease, record metrics (a point that is there already is overwritten: values are deterministic) and
        progress; STARTING → RUNNING. Appends `Progressed` (with the step metrics of the last step) when there is
        progress and a `MetricsRecorded` for each epoch or test whose metrics were not there. Epoch and test metrics
        go into `Job.metrics`. `run_s`: how long the attempt has run. Answers CANCEL when the job is CANCELLING, PREEMPT when it is PAUSING or has
        run for longer than it may, END when that was `DEADLINE_GRACE_S` ago, else CONTINUE.
        """
        ...

    async def commit_checkpoint(
        self, job_id: str, attempt: int, manifest: Manifest, keep: Retention, now: Time
    ) -> Checkpoint:
        """Make a checkpoint visible, and remove those that `keep` does not keep. A job has one checkpoint per step: again is
        the first one. Resets `Job.losses`. Renews the lease. Raises `FailedPrecondition` when a blob is missing.
        """
        ...

    async def latest_checkpoint(self, job_id: str) -> Checkpoint | None:
        """The newest that is not known to be damaged. Raises `DamagedBlob` when it turns out that its manifest is: once that is
        marked, the one before is the newest.
        """
        ...

    async def list_checkpoints(self, job_id: str) -> Sequence[Checkpoint]:
        """Oldest first."""
        ...

    async def record_pictures(self, job_id: str, attempt: int, pictures: Pictures, now: Time) -> None:
        """Keep what a generator drew at the end of an epoch. Again: the first ones. Renews the lease."""
        ...

    async def picture_epochs(self, job_id: str) -> Sequence[int]:
        """Epochs that have pictures, in order."""
        ...

    async def get_pictures(self, job_id: str, epoch: int) -> Pictures:
        """Raises `NotFound`, with the epochs that there are."""
        ...

    async def hold_blobs(self, holder: Holder, digests: Iterable[str], now: Time) -> Sequence[str]:
        """Before blobs are put that something shall refer to: none of them is collected until the holder has referred to
        it, or is over. Returns those that are not there, or damaged. Raises `StaleAttempt` for an attempt.
        """
        ...

    async def release_blobs(self, holder: Holder) -> None:
        """The holder needs none any more. What an attempt holds is released by itself."""
        ...

    async def collect_blobs(self, after: str, look: int, take: int, now: Time) -> Sweep:
        """Look at the next `look` blobs behind the digest `after`, and remove at most `take` that no checkpoint, model or
        data set refers to and nobody holds.
        """
        ...

    async def mark_damaged(self, digest: str, now: Time) -> Sequence[str]:
        """Note that a blob was found damaged, or gone; nothing happens when it is sound. It is missing until it is put
        again. Jobs that have not ended and have checkpoints with it are told by `CheckpointDamaged`; returns their ids.
        """
        ...

    async def succeed(self, job_id: str, attempt: int, publication: Publication, now: Time) -> Model:
        """→ SUCCEEDED, and publish the next version of the job's name, in one transaction. Again: the same model."""
        ...

    async def complete(self, job_id: str, attempt: int, result: Manifest, now: Time) -> None:
        """→ SUCCEEDED, with what a prediction has found as its only checkpoint, in one transaction. Again: nothing. Raises
        `FailedPrecondition` when a blob is missing.
        """
        ...

    async def fail(
        self, job_id: str, attempt: int, failure: Failure, now: Time, *, heard: Time | None = None
    ) -> None:
        """→ FAILED. Again: nothing. `heard`: see `release`."""
        ...

    async def confirm_cancel(self, job_id: str, attempt: int, now: Time) -> None:
        """CANCELLING → CANCELLED. Again: nothing."""
        ...

    async def release(
        self,
        job_id: str,
        attempt: int,
        failure: Failure,
        is_loss: bool,
        now: Time,
        *,
        delay_s: float = 0.0,
        heard: Time | None = None,
    ) -> Job:
        """The attempt ended without an outcome: → QUEUED, or → CANCELLED when it was CANCELLING, → PAUSED when it was
        PAUSING. `is_loss` counts it in `Job.losses`; a preemption does not count. `failure.message` becomes the state message. A job that is queued again
        is not ready for `delay_s`. With `heard`, the time at which the attempt was last heard of as far as the caller knows,
        raises `StaleAttempt` when it was heard of since: then nobody may take it for lost.
        """
        ...

    async def request_cancel(self, job_id: str, now: Time) -> Job:
        """QUEUED → CANCELLED; active → CANCELLING; CANCELLING or CANCELLED: unchanged. Raises `FailedPrecondition` for
        SUCCEEDED and FAILED.
        """
        ...

    async def request_pause(self, job_id: str, now: Time) -> Job:
        """QUEUED → PAUSED; active → PAUSING; PAUSING or PAUSED: unchanged. Raises `FailedPrecondition` for CANCELLING
        and for what has ended.
        """
        ...

    async def resume(self, job_id: str, now: Time) -> Job:
        """PAUSED → QUEUED, and forgets its losses; QUEUED, STARTING or RUNNING: unchanged. Raises `FailedPrecondition`
        otherwise.
        """
        ...

    async def retry(self, job_id: str, now: Time) -> Job:
        """FAILED or CANCELLED → QUEUED, without failure, losses and `run_s`; QUEUED, STARTING or RUNNING: unchanged. Raises
        `FailedPrecondition` otherwise, and when an uploaded data set of the job, or a model that it predicts or begins with, is gone.
        """
        ...

    async def delete_job(self, job_id: str, now: Time) -> None:
        """Remove a job that has ended and all that belongs to it, but not its model. Its id and request_id stay taken:
        it is `NotFound` from now on. Again: nothing. Raises `FailedPrecondition` for a job that has not ended.
        """
        ...

    async def events(self, job_id: str, after: int, limit: int) -> Sequence[Event]:
        """Events with a cursor above `after`, in order. Raises `InvalidArgument` when `after` is beyond the last."""
        ...

    async def last_cursors(self, job_ids: Iterable[str]) -> Mapping[str, int]:
        """`Job.last_cursor` of each of these jobs, without those that are not there."""
        ...

    async def transitions(self, job_id: str) -> Sequence[Event]:
        """Its `StateChanged` events, in order."""
        ...

    async def list_metrics(
        self, job_id: str, scopes: Iterable[Scope], page_size: int, page_token: str
    ) -> Page[Metric]:
        """Ordered by (scope, name, step); no scopes means all."""
        ...

    async def append_log(self, job_id: str, attempt: int, lines: Sequence[PrintedLine], now: Time) -> None:
        """Keep what a trainer printed; lines up to `log_position` are there already and change nothing. Taken from past
        attempts too: last words often come late. Of each attempt the newest lines are kept, see `domain.logs`.
        """
        ...

    async def log_position(self, job_id: str, attempt: int) -> int:
        """End of the attempt's last line that was kept, in bytes of what was printed; 0 before the first."""
        ...

    async def read_log(self, job_id: str, attempt: int, after: int, limit: int) -> Sequence[LogLine]:
        """Lines with a cursor above `after`, in order, of one attempt, or with 0 of all."""
        ...

    async def last_log_lines(self, job_id: str, attempt: int, limit: int) -> Sequence[LogLine]:
        """The newest lines of an attempt, oldest first."""
        ...

    def obstacle(self) -> Obstacle | None:
        """Why nothing can be written now; None while all is well."""
        ...

    async def get_model(self, name: str, version: int | None) -> Model:
        """The newest version when `version` is None. Raises `NotFound`, with near names."""
        ...

    async def list_models(self, name: str, page_size: int, page_token: str) -> Page[Listed]:
        """Newest version of each model by name; with `name`, every version of it, newest first."""
        ...

    async def import_model(self, name: str, publication: Publication, origin: Origin, now: Time) -> Model:
        """Publish the next version of `name`. The newest version again, if it has the very same weights and definition, is that
        version. Raises `FailedPrecondition` when a blob of the weights is missing.
        """
        ...

    async def delete_model(self, name: str, version: int | None) -> Sequence[int]:
        """Remove one version, or with None all of them; returns those that were removed. Their numbers are not given again, and
        blobs that nothing else needs are collected later. Raises `NotFound`, and `FailedPrecondition` for a version that an
        alias names, or that a job which has not ended predicts or begins with.
        """
        ...

    async def set_alias(self, alias: Alias) -> None:
        """Make or move an alias, in one step. Raises `NotFound` for a model or version that is not there."""
        ...

    async def delete_alias(self, model: str, name: str) -> None:
        """Remove an alias; again is no error. Raises `NotFound` for a model that is not there."""
        ...

    async def get_alias(self, model: str, name: str) -> Alias:
        """Raises `NotFound`, with near names."""
        ...

    async def aliases(self, models: Collection[str]) -> Sequence[Alias]:
        """All aliases of these models, by model and name."""
        ...

    async def create_dataset(self, content: Content, now: Time) -> Dataset:
        """Make an uploaded data set visible. The same content again: the first one. Raises `AlreadyExists` when the
        name has other content, `FailedPrecondition` when a blob is missing.
        """
        ...

    async def find_dataset(self, *, name: str = "", digest: str = "") -> Dataset | None:
        """The uploaded data set of that name, or of that digest."""
        ...

    async def list_datasets(self) -> Sequence[Dataset]:
        """Uploaded data sets, by name."""
        ...

    async def delete_dataset(self, name: str) -> None:
        """Raises `NotFound`, and `FailedPrecondition` that names the jobs which have not ended and train on it."""
        ...

    async def close(self) -> None: ...


class BlobStore(Protocol):
    """Immutable bytes under their SHA-256. Putting what is there already changes nothing."""

    async def missing(self, digests: Iterable[str]) -> Sequence[str]:
        """Those that are not there, without repetitions, in the order given."""
        ...

    async def put(self, blobs: Mapping[str, bytes]) -> None:
        """Store all, durably. Raises `InvalidArgument` when a digest is not that of its bytes."""
        ...

    async def get(self, digest: str) -> bytes:
        """Raises `NotFound`, and `DataLoss` when the bytes no longer match the digest."""
        ...


class Planner(Protocol):
    """Knows what can be trained. Its answers come from the code that trains."""

    async def plan(
        self,
        spec: Mapping[str, Any],
        uploaded: DatasetInfo | None = None,
        bases: Mapping[str, Base] = NO_BASES,
        validation: DatasetInfo | None = None,
    ) -> Plan:
        """`uploaded`: the data set that the specification names, unless it comes with the service, as is `validation` for
        the one to validate on; `bases`: the models that it begins with, by reference. Raises `InvalidArgument` with every violation, `Unavailable` while it restarts.
        """
        ...

    async def plan_prediction(
        self, spec: Mapping[str, Any], asked: Asked, uploaded: DatasetInfo | None = None
    ) -> Mapping[str, Any]:
        """The specification of predictions with every default filled in. `asked`: the model that it names, `uploaded`: its data
        set, unless that comes with the service. Raises as `plan`.
        """
        ...

    async def catalog(self) -> Catalog: ...


class Ingester(Protocol):
    """Looks into what users upload, in a process of its own."""

    async def ingest(self, upload: Upload) -> Content:
        """Check and decode; the tensors' bytes are in `upload.output` then. Raises `InvalidArgument` with every faulty
        item, `ResourceExhausted` for what would be too large, `Unavailable`.
        """
        ...


class Importer(Protocol):
    """Looks into files of weights, in a process of its own."""

    async def read(self, path: str, output: str, like: Model | None) -> tuple[Publication, Origin]:
        """Check a safetensors file; the bytes of its tensors, in the order of the weights, are in `output` then. `like`: a model whose
        definition is taken where the file has none. Raises `InvalidArgument` with every fault, `Unavailable`.
        """
        ...


class Executor(Protocol):
    """Starts trainers and sees them die. Scheduling does not know what is behind it."""

    async def start(self, attempt: Attempt, token: str) -> int:
        """Start a trainer for the attempt; returns its process id, 0 where there is none."""
        ...

    def adopt(self, attempts: Sequence[Attempt]) -> None:
        """From now on see those trainers of these attempts die that an earlier server has started, those included that are gone
        already. Again is quick.
        """
        ...

    async def kill(self, attempt: Attempt) -> None:
        """End the trainer at once, if it is still there."""
        ...

    def is_busy(self, attempt: Attempt) -> bool:
        """Whether a silent trainer is seen at work all the same; False where that cannot be seen."""
        ...

    def drain_exits(self) -> Sequence[Exit]:
        """Trainers that ended since the last call."""
        ...

    async def close(self) -> None:
        """End the trainers that are still there."""
        ...


class Logs(Protocol):
    """Brings what trainers print into the store."""

    async def collect(self, job_id: str, attempt: int) -> None:
        """Bring what the attempt has printed until now. Never raises: a log is no reason to fail."""
        ...

    def is_open(self, job_id: str) -> bool:
        """Whether a trainer of the job may still print, or lines of it are not in the store yet."""
        ...


class Predictor(Protocol):
    """Holds models and runs them, in a process of its own."""

    async def load(self, model: Model) -> None:
        """Load and warm; again is quick. Raises `Unavailable` when the process is gone."""
        ...

    async def unload(self, name: str, version: int | None = None) -> None:
        """Give back the memory of a version, or of every version of the model; nothing happens for one that is not loaded."""
        ...

    def loaded(self) -> Sequence[tuple[str, int]]:
        """Name and version of each model that is loaded and warm."""
        ...

    def memory(self) -> Sequence[tuple[str, int, int]]:
        """Name, version and measured bytes of each of them."""
        ...

    def describe(self, model: Model) -> Mapping[str, str]:
        """What runs a model that was loaded, and what was measured to choose it; empty for one that was not."""
        ...

    async def predict(self, model: Model, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Outputs by name for inputs that fit the signature; the first axis of each is the batch."""
        ...


class Evaluator(Protocol):
    """Measures published models, in processes of their own."""

    async def evaluate(
        self, model: Model, dataset: str, split: str, uploaded: Content | None = None
    ) -> Evaluation:
        """`uploaded` is the data set, where a user uploaded it. Raises `InvalidArgument` for data that the model cannot be measured on, `FailedPrecondition` for data that cannot
        be read, `Unavailable`.
        """
        ...


class Exporter(Protocol):
    """Writes published models in a format that other programs run, in processes of their own."""

    def export(self, model: Model) -> AsyncIterator[bytes]:
        """The parts of an ONNX file whose answers were those of the model. Raises `FailedPrecondition` for a layer that has no
        form in it, `Unavailable`.
        """
        ...
