"""Jobs in memory: `domain.ports.Jobs`."""
# ruff: noqa: D102  (what each method does is said once, in `domain.ports`)

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence

from bessemer_server.domain.jobs import Job, JobFilter, NewJob, Page, Time
from bessemer_server.domain.states import State
from bessemer_server.stores import dataset_rules, model_rules, paging, rules
from bessemer_server.stores.memory.datasets import Datasets
from bessemer_server.stores.memory.records import Record, age


class Jobs(Datasets):
    """As users ask for them, and as they wait."""

    async def create_job(self, job: NewJob, now: Time) -> Job:
        if first := await self.find_submitted(job.request_id, job.fingerprint):
            return first
        await self._check_pinned(job)
        change = rules.create(copy.deepcopy(job), now)
        self._records[job.id] = record = Record(change.job, job.fingerprint)
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
        jobs = sorted((job for job in self._jobs() if _fits(job, filter)), key=age, reverse=True)
        if after is not None:
            position = paging.parse_job_position(after)
            jobs = [job for job in jobs if age(job) < position]
        return paging.make_page(jobs[: page_size + 1], page_size, listing, paging.job_position)

    async def queued_jobs(self, limit: int, now: Time) -> Sequence[Job]:
        ready = (job for job in self._jobs() if job.state is State.QUEUED and job.is_ready(now))
        return sorted(ready, key=rules.queue_place)[:limit]

    async def queue_positions(self, job_ids: Iterable[str], now: Time) -> Mapping[str, int]:
        wanted, queue = set(job_ids), await self.queued_jobs(len(self._records), now)
        return {job.id: position for position, job in enumerate(queue, start=1) if job.id in wanted}

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
        self._records[job_id] = Record(job, fingerprint, delete_time=now)
        self._tokens = {token: key for token, key in self._tokens.items() if key[0] != job_id}

    async def _check_pinned(self, job: NewJob | Job) -> None:
        for field, digest in job.pins.items():
            dataset_rules.check_pinned(job, field, await self.find_dataset(digest=digest))
        for needed in model_rules.needed_models(job):
            model_rules.check_there(needed, self._models.get(needed.name, ()))


def _fits(job: Job, filter: JobFilter) -> bool:
    return (
        (not filter.states or job.state in filter.states)
        and (not filter.architecture or rules.architecture(job.effective_spec) == filter.architecture)
        and (not filter.name or job.name == filter.name)
    )
