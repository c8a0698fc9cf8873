"""Attempts in memory: `domain.ports.Attempts`."""
# ruff: noqa: D102  (what each method does is said once, in `domain.ports`)

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence

from bessemer_server.domain.checkpoints import Manifest
from bessemer_server.domain.jobs import Attempt, Command, Failure, Job, Progress, Time
from bessemer_server.domain.metrics import Metric
from bessemer_server.domain.models import Model, Publication
from bessemer_server.domain.states import State
from bessemer_server.stores import model_rules, rules
from bessemer_server.stores.memory.checkpoints import Checkpoints
from bessemer_server.stores.memory.models import Models


class Attempts(Checkpoints, Models):
    """What their trainers say, and how they end."""

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
