"""The store over a SQL database: each method is one function of this package, run as a read or as a write."""
# ruff: noqa: D102  (what each method does is said once, in `domain.ports`)

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from bessemer_server.domain.aliases import Alias
from bessemer_server.domain.checkpoints import Checkpoint, Manifest, Retention
from bessemer_server.domain.datasets import Content, Dataset
from bessemer_server.domain.events import Event
from bessemer_server.domain.holders import Holder, Sweep
from bessemer_server.domain.jobs import (
    Attempt,
    Command,
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
from bessemer_server.stores import rules
from bessemer_server.stores.sql import (
    aliases,
    attempts,
    checkpoints,
    collecting,
    damage,
    datasets,
    deletion,
    events,
    jobs,
    logs,
    metrics,
    models,
)
from bessemer_server.stores.sql import pictures as sql_pictures
from bessemer_server.stores.sql.database import Database


class SqlStore:
    """`domain.ports.Store`. `database` is shared with a `blobs.sql.SqlBlobStore`."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @classmethod
    async def open(cls, url: str) -> SqlStore:
        """Open `sqlite:///path/to/bessemer.db` or `postgresql://user@host/database`; migrates it first.

        Raises `InvalidArgument` for another URL, `Unavailable` when the database cannot be reached and
        `FailedPrecondition` when a newer release has changed its schema.
        """
        return cls(await Database.open(url))

    async def create_job(self, job: NewJob, now: Time) -> Job:
        return await self.database.write("create_job", lambda c: jobs.create(c, job, now))

    async def find_submitted(self, request_id: str, fingerprint: str) -> Job | None:
        return await self.database.read(lambda c: jobs.find_submitted(c, request_id, fingerprint))

    async def get_job(self, job_id: str) -> Job:
        return await self.database.read(lambda c: jobs.load(c, job_id))

    async def list_jobs(self, filter: JobFilter, page_size: int, page_token: str) -> Page[Job]:
        return await self.database.read(lambda c: jobs.list_page(c, filter, page_size, page_token))

    async def queued_jobs(self, limit: int, now: Time) -> Sequence[Job]:
        return await self.database.read(lambda c: jobs.queued(c, limit, now))

    async def queue_positions(self, job_ids: Iterable[str], now: Time) -> Mapping[str, int]:
        return await self.database.read(lambda c: jobs.positions(c, job_ids, now))

    async def active_attempts(self) -> Sequence[Attempt]:
        return await self.database.read(attempts.active)

    async def start_attempt(self, job_id: str, slot: str, token_digest: str, now: Time) -> Attempt | None:
        return await self.database.write(
            "start_attempt", lambda c: attempts.start(c, job_id, slot, token_digest, now)
        )

    async def set_pid(self, job_id: str, attempt: int, pid: int) -> None:
        await self.database.write("set_pid", lambda c: attempts.set_pid(c, job_id, attempt, pid))

    async def pin_threads(self, job_id: str, attempt: int, threads: int) -> int:
        return await self.database.write(
            "pin_threads", lambda c: attempts.pin_threads(c, job_id, attempt, threads)
        )

    async def authenticate(self, token_digest: str) -> Attempt:
        return await self.database.read(lambda c: attempts.authenticate(c, token_digest))

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
        return await self.database.write(
            "report",
            lambda c: attempts.report(c, job_id, attempt, metrics, progress, now=now, run_s=run_s),
        )

    async def commit_checkpoint(
        self, job_id: str, attempt: int, manifest: Manifest, keep: Retention, now: Time
    ) -> Checkpoint:
        return await self.database.write(
            "commit_checkpoint", lambda c: checkpoints.commit(c, job_id, attempt, manifest, keep, now=now)
        )

    async def latest_checkpoint(self, job_id: str) -> Checkpoint | None:
        return await self.database.read(lambda c: checkpoints.latest(c, job_id))

    async def list_checkpoints(self, job_id: str) -> Sequence[Checkpoint]:
        return await self.database.read(lambda c: checkpoints.list_all(c, job_id))

    async def record_pictures(self, job_id: str, attempt: int, pictures: Pictures, now: Time) -> None:
        await self.database.write(
            "record_pictures", lambda c: sql_pictures.record(c, job_id, attempt, pictures, now)
        )

    async def picture_epochs(self, job_id: str) -> Sequence[int]:
        return await self.database.read(lambda c: sql_pictures.epochs(c, job_id))

    async def get_pictures(self, job_id: str, epoch: int) -> Pictures:
        return await self.database.read(lambda c: sql_pictures.get(c, job_id, epoch))

    async def hold_blobs(self, holder: Holder, digests: Iterable[str], now: Time) -> Sequence[str]:
        wanted = list(digests)
        return await self.database.write("hold_blobs", lambda c: collecting.hold(c, holder, wanted))

    async def release_blobs(self, holder: Holder) -> None:
        await self.database.write("release_blobs", lambda c: collecting.release(c, holder.id, holder.attempt))

    async def collect_blobs(self, after: str, look: int, take: int, now: Time) -> Sweep:
        if not after:
            await self.database.write("drop_holds", lambda c: collecting.drop_dead_holds(c, now))
        position, unneeded = await self.database.read(lambda c: collecting.look(c, after, look, now))
        if len(unneeded) > take:
            unneeded = unneeded[:take]
            position = unneeded[-1]
        if not unneeded:
            return Sweep(position, ())
        return Sweep(
            position,
            tuple(await self.database.write("collect_blobs", lambda c: collecting.remove(c, unneeded, now))),
        )

    async def mark_damaged(self, digest: str, now: Time) -> Sequence[str]:
        return await self.database.write("mark_damaged", lambda c: damage.mark(c, digest, now))

    async def succeed(self, job_id: str, attempt: int, publication: Publication, now: Time) -> Model:
        return await self.database.write(
            "succeed", lambda c: attempts.succeed(c, job_id, attempt, publication, now)
        )

    async def complete(self, job_id: str, attempt: int, result: Manifest, now: Time) -> None:
        await self.database.write("complete", lambda c: checkpoints.complete(c, job_id, attempt, result, now))

    async def fail(
        self, job_id: str, attempt: int, failure: Failure, now: Time, *, heard: Time | None = None
    ) -> None:
        await self.database.write(
            "fail", lambda c: attempts.fail(c, job_id, attempt, failure, now=now, heard=heard)
        )

    async def confirm_cancel(self, job_id: str, attempt: int, now: Time) -> None:
        await self.database.write(
            "confirm_cancel", lambda c: attempts.confirm_cancel(c, job_id, attempt, now)
        )

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
        return await self.database.write(
            "release",
            lambda c: attempts.release(
                c, job_id, attempt, failure, is_loss, now=now, delay_s=delay_s, heard=heard
            ),
        )

    async def request_cancel(self, job_id: str, now: Time) -> Job:
        return await self.database.write(
            "request_cancel", lambda c: jobs.change(c, job_id, rules.request_cancel, now)
        )

    async def request_pause(self, job_id: str, now: Time) -> Job:
        return await self.database.write(
            "request_pause", lambda c: jobs.change(c, job_id, rules.request_pause, now)
        )

    async def resume(self, job_id: str, now: Time) -> Job:
        return await self.database.write("resume", lambda c: jobs.change(c, job_id, rules.resume, now))

    async def retry(self, job_id: str, now: Time) -> Job:
        return await self.database.write("retry", lambda c: jobs.retry(c, job_id, now))

    async def delete_job(self, job_id: str, now: Time) -> None:
        await self.database.write("delete_job", lambda c: jobs.delete(c, job_id, now))

    async def events(self, job_id: str, after: int, limit: int) -> Sequence[Event]:
        return await self.database.read(lambda c: events.read(c, job_id, after, limit))

    async def last_cursors(self, job_ids: Iterable[str]) -> Mapping[str, int]:
        return await self.database.read(lambda c: jobs.last_cursors(c, job_ids))

    async def transitions(self, job_id: str) -> Sequence[Event]:
        return await self.database.read(lambda c: events.transitions(c, job_id))

    async def list_metrics(
        self, job_id: str, scopes: Iterable[Scope], page_size: int, page_token: str
    ) -> Page[Metric]:
        return await self.database.read(lambda c: metrics.list_page(c, job_id, scopes, page_size, page_token))

    async def append_log(self, job_id: str, attempt: int, lines: Sequence[PrintedLine], now: Time) -> None:
        await self.database.write("append_log", lambda c: logs.append(c, job_id, attempt, lines, now))

    async def log_position(self, job_id: str, attempt: int) -> int:
        return await self.database.read(lambda c: logs.position(c, job_id, attempt))

    async def read_log(self, job_id: str, attempt: int, after: int, limit: int) -> Sequence[LogLine]:
        return await self.database.read(lambda c: logs.read(c, job_id, attempt, after, limit))

    async def last_log_lines(self, job_id: str, attempt: int, limit: int) -> Sequence[LogLine]:
        return await self.database.read(lambda c: logs.read_last(c, job_id, attempt, limit))

    async def get_model(self, name: str, version: int | None) -> Model:
        return await self.database.read(lambda c: models.get(c, name, version))

    async def list_models(self, name: str, page_size: int, page_token: str) -> Page[Listed]:
        return await self.database.read(lambda c: models.list_page(c, name, page_size, page_token))

    async def import_model(self, name: str, publication: Publication, origin: Origin, now: Time) -> Model:
        return await self.database.write(
            "import_model", lambda c: models.import_(c, name, publication, origin, now)
        )

    async def delete_model(self, name: str, version: int | None) -> Sequence[int]:
        return await self.database.write("delete_model", lambda c: deletion.delete_model(c, name, version))

    async def set_alias(self, alias: Alias) -> None:
        await self.database.write("set_alias", lambda c: aliases.put(c, alias))

    async def delete_alias(self, model: str, name: str) -> None:
        await self.database.write("delete_alias", lambda c: aliases.delete(c, model, name))

    async def get_alias(self, model: str, name: str) -> Alias:
        return await self.database.read(lambda c: aliases.get(c, model, name))

    async def aliases(self, models: Collection[str]) -> Sequence[Alias]:
        return await self.database.read(lambda c: aliases.of(c, models))

    async def create_dataset(self, content: Content, now: Time) -> Dataset:
        return await self.database.write("create_dataset", lambda c: datasets.create(c, content, now))

    async def find_dataset(self, *, name: str = "", digest: str = "") -> Dataset | None:
        return await self.database.read(lambda c: datasets.find(c, name=name, digest=digest))

    async def list_datasets(self) -> Sequence[Dataset]:
        return await self.database.read(datasets.list_all)

    async def delete_dataset(self, name: str) -> None:
        await self.database.write("delete_dataset", lambda c: datasets.delete(c, name))

    def obstacle(self) -> Obstacle | None:
        """See `ports.Store.obstacle`."""
        return self.database.obstacle()

    async def close(self) -> None:
        """Finish the writes that wait, and close every connection."""
        await self.database.close()
