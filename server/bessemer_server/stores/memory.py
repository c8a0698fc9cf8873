"""The store in memory: for tests, and the shortest reading of what a store does. Nothing survives the process.

Methods never await, so each is a transaction: nothing else runs on the loop in between.
"""
# ruff: noqa: D102  (what each method does is said once, in `domain.ports`)

from __future__ import annotations

import copy
import dataclasses
import functools
import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence

from bessemer_server.domain import errors, logs
from bessemer_server.domain.aliases import Alias
from bessemer_server.domain.checkpoints import Checkpoint, Manifest, Retention
from bessemer_server.domain.datasets import Content, Dataset
from bessemer_server.domain.events import Event, StateChanged
from bessemer_server.domain.holders import Holder, Sweep
from bessemer_server.domain.jobs import (
    Attempt,
    Command,
    Failure,
    Job,
    JobFilter,
    NewJob,
    Page,
    Progress,
    Time,
)
from bessemer_server.domain.logs import LogLine, PrintedLine
from bessemer_server.domain.metrics import Metric, Scope
from bessemer_server.domain.models import Listed, Model, Origin, Publication
from bessemer_server.domain.pictures import Pictures
from bessemer_server.domain.states import State
from bessemer_server.stores import dataset_rules, model_rules, paging, rules


@dataclasses.dataclass(slots=True)
class _Record:
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
        self.job = change.job
        self.events.extend(change.events)
        return self.job

    def touch(self, now: Time) -> None:
        number = self.job.attempt
        self.attempts[number] = dataclasses.replace(self.attempts[number], lease_time=now)


class MemoryStore:
    """`domain.ports.Store` over dictionaries. `blobs` is shared with a `blobs.memory.MemoryBlobStore`."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self._records: dict[str, _Record] = {}
        self._requests: dict[str, str] = {}
        self._tokens: dict[str, tuple[str, int]] = {}
        self._models: dict[str, dict[int, Model]] = {}
        self._last_versions: dict[str, int] = {}
        self._aliases: dict[tuple[str, str], Alias] = {}
        self._datasets: dict[str, Dataset] = {}
        self._uploads: dict[str, tuple[Time, set[str]]] = {}

    async def create_job(self, job: NewJob, now: Time) -> Job:
        if first := await self.find_submitted(job.request_id, job.fingerprint):
            return first
        await self._check_pinned(job)
        change = rules.create(copy.deepcopy(job), now)
        self._records[job.id] = record = _Record(change.job, job.fingerprint)
        if job.request_id:
            self._requests[job.request_id] = job.id
        return record.apply(change)

    async def find_submitted(self, request_id: str, fingerprint: str) -> Job | None:
        first = self._requests.get(request_id)
        if first is None:
            return None
        rules.check_fingerprint(request_id, self._records[first].fingerprint, fingerprint)
        return self._record(first).job

    async def get_job(self, job_id: str) -> Job:
        return self._record(job_id).job

    async def list_jobs(self, filter: JobFilter, page_size: int, page_token: str) -> Page[Job]:
        paging.check_size(page_size)
        listing = paging.jobs_listing(filter)
        after = paging.decode(listing, page_token)
        jobs = sorted((job for job in self._jobs() if _fits(job, filter)), key=_age, reverse=True)
        if after is not None:
            position = paging.parse_job_position(after)
            jobs = [job for job in jobs if _age(job) < position]
        return paging.make_page(jobs[: page_size + 1], page_size, listing, paging.job_position)

    async def queued_jobs(self, limit: int, now: Time) -> Sequence[Job]:
        ready = (job for job in self._jobs() if job.state is State.QUEUED and job.is_ready(now))
        return sorted(ready, key=rules.queue_place)[:limit]

    async def queue_positions(self, job_ids: Iterable[str], now: Time) -> Mapping[str, int]:
        wanted, queue = set(job_ids), await self.queued_jobs(len(self._records), now)
        return {job.id: position for position, job in enumerate(queue, start=1) if job.id in wanted}

    async def active_attempts(self) -> Sequence[Attempt]:
        records = self._records.values()
        return [record.attempts[record.job.attempt] for record in records if record.job.state.is_active]

    async def start_attempt(self, job_id: str, slot: str, token_digest: str, now: Time) -> Attempt | None:
        record = self._record(job_id)
        change = rules.start(record.job, now)
        if change is None:
            return None
        number = record.apply(change).attempt
        record.attempts[number] = attempt = Attempt(job_id, number, slot, 0, now)
        self._tokens[token_digest] = (job_id, number)
        return attempt

    async def set_pid(self, job_id: str, attempt: int, pid: int) -> None:
        record = self._current(job_id, attempt)
        record.attempts[attempt] = dataclasses.replace(record.attempts[attempt], pid=pid)

    async def pin_threads(self, job_id: str, attempt: int, threads: int) -> int:
        record = self._current(job_id, attempt)
        record.threads = record.threads or threads
        return record.threads

    async def authenticate(self, token_digest: str) -> Attempt:
        if token_digest not in self._tokens:
            raise rules.unknown_token()
        job_id, number = self._tokens[token_digest]
        return self._records[job_id].attempts[number]

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
        record = self._current(job_id, attempt)
        points = rules.distinct(metrics)
        known = record.metrics.keys()
        job = record.apply(rules.report(record.job, points, known, progress, now, run_s=run_s))
        record.metrics.update((rules.key(metric), metric) for metric in points)
        record.touch(now)
        return rules.command(job)

    async def commit_checkpoint(
        self, job_id: str, attempt: int, manifest: Manifest, keep: Retention, now: Time
    ) -> Checkpoint:
        record = self._current(job_id, attempt)
        rules.check_blobs(self._missing(manifest))
        saved = record.checkpoints.get(manifest.step)
        if saved is None or self._is_damaged(saved) or not self._is_whole(saved.manifest):
            name, data = _encode(manifest)
            self.blobs[name] = data
            saved = rules.checkpoint(record.job, attempt, manifest, now)
            record.checkpoints[manifest.step] = saved
            record.apply(rules.save_checkpoint(record.job, saved, now))
        steps = [c.manifest.step for c in record.checkpoints.values() if not self._is_damaged(c)]
        values = {
            m.step: m.value for m in record.metrics.values() if (m.scope, m.name) == (Scope.EPOCH, keep.best)
        }
        for step in keep.outdated(steps, record.job.progress.epoch_steps, values):
            del record.checkpoints[step]
        for step in [s for s, c in record.checkpoints.items() if s < max(steps) and self._is_damaged(c)]:
            del record.checkpoints[step]
        record.held.get(attempt, set()).difference_update(manifest.digests())
        record.touch(now)
        return saved

    async def latest_checkpoint(self, job_id: str) -> Checkpoint | None:
        unmarked = await self._unmarked(job_id)
        if unmarked and not self._is_whole(unmarked[-1].manifest):
            raise errors.DamagedBlob.of(_encode(unmarked[-1].manifest)[0])
        return unmarked[-1] if unmarked else None

    async def list_checkpoints(self, job_id: str) -> Sequence[Checkpoint]:
        checkpoints = self._record(job_id).checkpoints
        return [self._read(checkpoints[step]) for step in sorted(checkpoints)]

    def _read(self, checkpoint: Checkpoint) -> Checkpoint:
        if not self._is_whole(checkpoint.manifest):
            return dataclasses.replace(
                checkpoint, manifest=Manifest(0, checkpoint.manifest.step, ()), damaged=True
            )
        return dataclasses.replace(checkpoint, damaged=self._is_damaged(checkpoint))

    def _is_whole(self, manifest: Manifest) -> bool:
        name, data = _encode(manifest)
        return self.blobs.get(name) == data

    async def hold_blobs(self, holder: Holder, digests: Iterable[str], now: Time) -> Sequence[str]:
        wanted = list(dict.fromkeys(digests))
        if holder.expire_time is None:
            held = self._current(holder.id, holder.attempt).held.setdefault(holder.attempt, set())
        else:
            _, held = self._uploads.setdefault(holder.id, (holder.expire_time, set()))
        held.update(wanted)
        return [digest for digest in wanted if digest not in self.blobs]

    async def release_blobs(self, holder: Holder) -> None:
        self._uploads.pop(holder.id, None)

    async def collect_blobs(self, after: str, look: int, take: int, now: Time) -> Sweep:
        window = sorted(digest for digest in self.blobs if digest > after)[:look]
        needed = self._needed(now)
        removed = tuple([digest for digest in window if digest not in needed][:take])
        for digest in removed:
            del self.blobs[digest]
        if len(removed) == take:
            return Sweep(removed[-1], removed)
        return Sweep(window[-1] if len(window) == look else "", removed)

    async def mark_damaged(self, digest: str, now: Time) -> Sequence[str]:
        if digest in self.blobs and hashlib.sha256(self.blobs[digest]).hexdigest() == digest:
            return []
        before = {job.id: await self._unmarked(job.id) for job in self._jobs()}
        self.blobs.pop(digest, None)
        return [id for id in before if await self._tell(id, before[id], digest, now)]

    async def _unmarked(self, job_id: str) -> list[Checkpoint]:
        checkpoints = self._record(job_id).checkpoints
        return [checkpoints[step] for step in sorted(checkpoints) if not self._is_damaged(checkpoints[step])]

    async def _tell(self, job_id: str, before: list[Checkpoint], digest: str, now: Time) -> bool:
        record, unmarked = self._record(job_id), await self._unmarked(job_id)
        lost = [c for c in before if c not in unmarked]
        sound = [c for c in unmarked if self._is_whole(c.manifest)]
        if record.job.state.is_terminal or not lost:
            return False
        record.apply(rules.damage(record.job, lost, sound[-1] if sound else None, digest, now))
        return True

    def _needed(self, now: Time) -> set[str]:
        """Digests of the blobs that something refers to, or somebody holds."""
        needed: set[str] = set()
        for record in self._records.values():
            for checkpoint in record.checkpoints.values():
                needed.update(_digests(checkpoint.manifest))
            if record.job.state.is_active:
                needed.update(record.held.get(record.job.attempt, ()))
        for model in (model for versions in self._models.values() for model in versions.values()):
            needed.update(model.weights.digests())
        for dataset in self._datasets.values():
            needed.update(dataset.content.digests())
        for expire_time, held in self._uploads.values():
            if expire_time > now:
                needed |= held
        return needed

    def _is_damaged(self, checkpoint: Checkpoint) -> bool:
        """Whether that is known."""
        return any(digest not in self.blobs for digest in _digests(checkpoint.manifest))

    async def record_pictures(self, job_id: str, attempt: int, pictures: Pictures, now: Time) -> None:
        record = self._current(job_id, attempt)
        record.pictures.setdefault(pictures.epoch, pictures)
        record.touch(now)

    async def picture_epochs(self, job_id: str) -> Sequence[int]:
        return sorted(self._record(job_id).pictures)

    async def get_pictures(self, job_id: str, epoch: int) -> Pictures:
        drawn = self._record(job_id).pictures
        if epoch not in drawn:
            raise rules.no_pictures(job_id, epoch, sorted(drawn))
        return drawn[epoch]

    async def succeed(self, job_id: str, attempt: int, publication: Publication, now: Time) -> Model:
        record = self._record(job_id)
        if rules.is_repeat(record.job, attempt, State.SUCCEEDED):
            assert record.job.model is not None
            return await self.get_model(record.job.model.name, record.job.model.version)
        rules.check_blobs(self._missing(publication.weights))
        name = record.job.name
        version = self._last_versions[name] = self._last_versions.get(name, 0) + 1
        model = model_rules.publish(record.job, copy.deepcopy(publication), version, now)
        record.apply(rules.succeed(record.job, model, now))
        self._models.setdefault(name, {})[version] = model
        return model

    async def complete(self, job_id: str, attempt: int, result: Manifest, now: Time) -> None:
        record = self._record(job_id)
        if not rules.is_repeat(record.job, attempt, State.SUCCEEDED):
            await self.commit_checkpoint(job_id, attempt, result, rules.RESULT, now)
            record.apply(rules.complete(record.job, now))

    async def fail(
        self, job_id: str, attempt: int, failure: Failure, now: Time, *, heard: Time | None = None
    ) -> None:
        record = self._record(job_id)
        if not rules.is_repeat(record.job, attempt, State.FAILED):
            rules.check_silent(record.attempts[attempt], heard)
            record.apply(rules.fail(record.job, failure, now))

    async def confirm_cancel(self, job_id: str, attempt: int, now: Time) -> None:
        record = self._record(job_id)
        if not rules.is_repeat(record.job, attempt, State.CANCELLED):
            record.apply(rules.confirm_cancel(record.job, now))

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
        record = self._current(job_id, attempt)
        rules.check_silent(record.attempts[attempt], heard)
        return record.apply(rules.release(record.job, failure, is_loss, now, delay_s))

    async def request_cancel(self, job_id: str, now: Time) -> Job:
        record = self._record(job_id)
        return record.apply(rules.request_cancel(record.job, now))

    async def request_pause(self, job_id: str, now: Time) -> Job:
        record = self._record(job_id)
        return record.apply(rules.request_pause(record.job, now))

    async def resume(self, job_id: str, now: Time) -> Job:
        record = self._record(job_id)
        return record.apply(rules.resume(record.job, now))

    async def retry(self, job_id: str, now: Time) -> Job:
        record = self._record(job_id)
        change = rules.retry(record.job, now)
        if change.events:
            await self._check_pinned(record.job)
        return record.apply(change)

    async def delete_job(self, job_id: str, now: Time) -> None:
        found = self._records.get(job_id)
        if found is not None and found.delete_time is not None:
            return
        job = self._record(job_id).job
        rules.check_deletable(job)
        fingerprint = self._records[job_id].fingerprint
        self._records[job_id] = _Record(job, fingerprint, delete_time=now)
        self._tokens = {token: key for token, key in self._tokens.items() if key[0] != job_id}

    async def events(self, job_id: str, after: int, limit: int) -> Sequence[Event]:
        record = self._record(job_id)
        rules.check_cursor(record.job, after)
        first = max(after, 0)
        return record.events[first : first + limit]

    async def last_cursors(self, job_ids: Iterable[str]) -> Mapping[str, int]:
        wanted = set(job_ids)
        return {job.id: job.last_cursor for job in self._jobs() if job.id in wanted}

    async def transitions(self, job_id: str) -> Sequence[Event]:
        return [event for event in self._record(job_id).events if isinstance(event.kind, StateChanged)]

    async def list_metrics(
        self, job_id: str, scopes: Iterable[Scope], page_size: int, page_token: str
    ) -> Page[Metric]:
        paging.check_size(page_size)
        wanted = frozenset(scopes)
        listing = paging.metrics_listing(job_id, wanted)
        after = paging.decode(listing, page_token)
        points = sorted(self._record(job_id).metrics.values(), key=rules.key)
        points = [point for point in points if not wanted or point.scope in wanted]
        if after is not None:
            points = [point for point in points if rules.key(point) > tuple(after)]
        return paging.make_page(points[: page_size + 1], page_size, listing, paging.metric_position)

    async def append_log(self, job_id: str, attempt: int, lines: Sequence[PrintedLine], now: Time) -> None:
        record, known = self._record(job_id), await self.log_position(job_id, attempt)
        for line in lines:
            if line.position > known:
                cursor = record.lines[-1][0].cursor + 1 if record.lines else 1
                record.lines.append((LogLine(cursor, attempt, now, line.text), line.position))
        record.lines = [pair for pair in record.lines if not _is_old(*pair, record.lines)]

    async def log_position(self, job_id: str, attempt: int) -> int:
        return max((end for line, end in self._record(job_id).lines if line.attempt == attempt), default=0)

    async def read_log(self, job_id: str, attempt: int, after: int, limit: int) -> Sequence[LogLine]:
        lines = [line for line, _ in self._record(job_id).lines if attempt in (0, line.attempt)]
        return [line for line in lines if line.cursor > after][:limit]

    async def last_log_lines(self, job_id: str, attempt: int, limit: int) -> Sequence[LogLine]:
        return (await self.read_log(job_id, attempt, 0, 1 << 62))[-limit:]

    async def get_model(self, name: str, version: int | None) -> Model:
        versions = self._models.get(name, {})
        number = max(versions, default=0) if version is None else version
        if number not in versions:
            raise model_rules.unknown_model(name, version, self._models, sorted(versions))
        return versions[number]

    async def list_models(self, name: str, page_size: int, page_token: str) -> Page[Listed]:
        paging.check_size(page_size)
        listing = paging.models_listing(name)
        after = paging.decode(listing, page_token)
        if name:
            versions = sorted(self._models.get(name, {}).values(), key=lambda m: -m.version)
            models = [m.listed for m in versions if after is None or m.version < after[0]]
            return paging.make_page(models, page_size, listing, lambda model: [model.version])
        newest = [versions[max(versions)] for _, versions in sorted(self._models.items())]
        models = [m.listed for m in newest if after is None or m.name > after[0]]
        return paging.make_page(models, page_size, listing, lambda model: [model.name])

    async def import_model(self, name: str, publication: Publication, origin: Origin, now: Time) -> Model:
        rules.check_blobs(self._missing(publication.weights))
        versions = self._models.get(name, {})
        if versions and model_rules.is_same(newest := versions[max(versions)], publication):
            return newest
        version = self._last_versions[name] = self._last_versions.get(name, 0) + 1
        model = model_rules.import_model(name, copy.deepcopy(publication), origin, version, now)
        self._models.setdefault(name, {})[version] = model
        return model

    async def delete_model(self, name: str, version: int | None) -> Sequence[int]:
        await self.get_model(name, version)
        versions = self._models[name]
        gone = sorted(versions) if version is None else [version]
        model_rules.check_unnamed(name, gone, await self.aliases([name]))
        unfinished = (job for job in sorted(self._jobs(), key=_age) if not job.state.is_terminal)
        model_rules.check_unneeded(name, gone, unfinished)
        for number in gone:
            del versions[number]
        if not versions:
            del self._models[name]
        return gone

    async def set_alias(self, alias: Alias) -> None:
        await self.get_model(alias.model, None)
        for version in alias.shares:
            await self.get_model(alias.model, version)
        self._aliases[alias.model, alias.name] = alias

    async def delete_alias(self, model: str, name: str) -> None:
        await self.get_model(model, None)
        self._aliases.pop((model, name), None)

    async def get_alias(self, model: str, name: str) -> Alias:
        await self.get_model(model, None)
        found = self._aliases.get((model, name))
        if found is None:
            raise model_rules.unknown_alias(
                name, model, [alias.name for alias in await self.aliases([model])]
            )
        return found

    async def aliases(self, models: Collection[str]) -> Sequence[Alias]:
        return [alias for (model, _), alias in sorted(self._aliases.items()) if model in models]

    async def create_dataset(self, content: Content, now: Time) -> Dataset:
        if found := self._datasets.get(content.name):
            return dataset_rules.check_same(found, content)
        rules.check_blobs([digest for digest in content.digests() if digest not in self.blobs])
        self._datasets[content.name] = made = Dataset(content, content.digest, now)
        return made

    async def find_dataset(self, *, name: str = "", digest: str = "") -> Dataset | None:
        return next(
            (
                d
                for d in self._datasets.values()
                if name in ("", d.name) and digest in ("", d.digest) and (name or digest)
            ),
            None,
        )

    async def list_datasets(self) -> Sequence[Dataset]:
        return [self._datasets[name] for name in sorted(self._datasets)]

    async def delete_dataset(self, name: str) -> None:
        if name not in self._datasets:
            raise dataset_rules.unknown_dataset(name, self._datasets)
        digest = self._datasets[name].digest
        dataset_rules.check_unused(
            name,
            [
                j
                for j in sorted(self._jobs(), key=_age)
                if digest in (j.dataset_digest, j.validation_digest) and not j.state.is_terminal
            ],
        )
        del self._datasets[name]

    def obstacle(self) -> None:
        """See `ports.Store.obstacle`."""

    async def close(self) -> None:
        """Nothing to close."""

    def _record(self, job_id: str) -> _Record:
        if job_id not in self._records:
            raise rules.unknown_job(job_id)
        record = self._records[job_id]
        if record.delete_time is not None:
            raise rules.deleted_job(job_id, record.delete_time)
        return record

    def _current(self, job_id: str, attempt: int) -> _Record:
        record = self._record(job_id)
        rules.check_current(record.job, attempt)
        return record

    def _jobs(self) -> Iterable[Job]:
        return (record.job for record in self._records.values() if record.delete_time is None)

    async def _check_pinned(self, job: NewJob | Job) -> None:
        for field, digest in job.pins.items():
            dataset_rules.check_pinned(job, field, await self.find_dataset(digest=digest))
        for needed in model_rules.needed_models(job):
            model_rules.check_there(needed, self._models.get(needed.name, ()))

    def _missing(self, manifest: Manifest) -> list[str]:
        return [digest for digest in manifest.digests() if digest not in self.blobs]


@functools.lru_cache(1000)
def _encode(manifest: Manifest) -> tuple[str, bytes]:
    """The blob of a manifest: its digest and its bytes."""
    data = manifest.encode()
    return hashlib.sha256(data).hexdigest(), data


def _digests(manifest: Manifest) -> tuple[str, ...]:
    """All blobs of a checkpoint."""
    return _encode(manifest)[0], *manifest.digests()


def _age(job: Job) -> tuple[Time, str]:
    return job.create_time, job.id


def _is_old(line: LogLine, end: int, among: list[tuple[LogLine, int]]) -> bool:
    newest, newest_end = next(pair for pair in reversed(among) if pair[0].attempt == line.attempt)
    if line is newest:
        return False
    return line.cursor <= newest.cursor - logs.KEPT_LINES or end <= newest_end - logs.KEPT_BYTES


def _fits(job: Job, filter: JobFilter) -> bool:
    return (
        (not filter.states or job.state in filter.states)
        and (not filter.architecture or rules.architecture(job.effective_spec) == filter.architecture)
        and (not filter.name or job.name == filter.name)
    )
