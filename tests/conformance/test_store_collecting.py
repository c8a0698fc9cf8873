"""What every store keeps to when it collects blobs: nothing that is needed is ever taken, and in the end nothing else is
there."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import random

import pytest

from bessemer_server.domain import errors
from bessemer_server.domain.checkpoints import Retention
from bessemer_server.domain.holders import Holder
from bessemer_server.domain.models import Publication
from bessemer_server.domain.ports import Store
from bessemer_server.domain.states import State
from bessemer_server.scheduling.collector import Collector
from bessemer_server.stores.sql import collecting, tables
from tests.conformance import samples
from tests.conformance.test_store_datasets import content
from tests.fix_database import Stores

NOW = samples.START
POOL = [bytes([n]) * 3 for n in range(24)]
"""Few blobs, so that each is put, dropped and put again."""
KEEP = Retention(1)


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def collect(store: Store, look: int = 5, take: int = 2) -> set[str]:
    """A whole sweep, in small steps; what it removed."""
    position, removed = "", set[str]()
    while True:
        sweep = await store.collect_blobs(position, look, take, NOW)
        assert len(sweep.removed) <= take
        removed |= set(sweep.removed)
        position = sweep.position
        if not position:
            return removed


async def kept(stores: Stores) -> set[str]:
    """Those of POOL that are there."""
    names = [digest(part) for part in POOL]
    return set(names) - set(await stores.blobs.missing(names))


async def referred(store: Store, jobs: list[str]) -> set[str]:
    """What checkpoints, models and data sets refer to."""
    found = {d for job in jobs for c in await store.list_checkpoints(job) for d in c.manifest.digests()}
    for newest in (await store.list_models("", 100, "")).items:
        for listed in (await store.list_models(newest.name, 100, "")).items:
            found |= set((await store.get_model(listed.name, listed.version)).weights.digests())
    for dataset in await store.list_datasets():
        found |= set(dataset.content.digests())
    return found


async def save(stores: Stores, job: str, attempt: int, step: int, parts: list[bytes]) -> None:
    """As a trainer does it."""
    manifest = samples.manifest(step, *parts)
    missing = set(await stores.store.hold_blobs(Holder(job, attempt), manifest.digests(), NOW))
    await samples.put(stores.blobs, *(part for part in parts if digest(part) in missing))
    await stores.store.commit_checkpoint(job, attempt, manifest, KEEP, NOW)


@dataclasses.dataclass
class Life:
    """A random life of some jobs and data sets."""

    stores: Stores
    draw: random.Random
    jobs: dict[str, int] = dataclasses.field(default_factory=dict)
    """Step of each that runs."""
    all_jobs: list[str] = dataclasses.field(default_factory=list)

    def parts(self) -> list[bytes]:
        return self.draw.sample(POOL, self.draw.randint(1, 4))

    async def act(self) -> None:
        await getattr(
            self,
            self.draw.choice(["begin", "save", "save", "save", "hold", "end", "upload", "drop", "sweep"]),
        )()

    async def begin(self) -> None:
        job = f"job-{len(self.all_jobs)}"
        self.all_jobs.append(job)
        await samples.begin(self.stores.store, job)
        self.jobs[job] = 0

    async def save(self) -> None:
        if self.jobs:
            job = self.draw.choice(sorted(self.jobs))
            self.jobs[job] += 1
            await save(self.stores, job, 1, self.jobs[job], self.parts())

    async def hold(self) -> None:
        """Blobs that are uploaded and never committed."""
        if self.jobs:
            job, parts = self.draw.choice(sorted(self.jobs)), self.parts()
            await self.stores.store.hold_blobs(Holder(job, 1), map(digest, parts), NOW)
            await samples.put(self.stores.blobs, *parts)
            await collect(self.stores.store)
            assert set(map(digest, parts)) <= await kept(self.stores)

    async def end(self) -> None:
        if not self.jobs:
            return
        job = self.draw.choice(sorted(self.jobs))
        del self.jobs[job]
        if self.draw.random() < 0.5:
            await self.stores.store.fail(job, 1, samples.LOSS, NOW)
            return
        parts = self.parts()
        publication = Publication(samples.manifest(0, *parts), samples.DEFINITION, 1)
        await self.stores.store.hold_blobs(Holder(job, 1), map(digest, parts), NOW)
        await samples.put(self.stores.blobs, *parts)
        await self.sweep()
        await self.stores.store.succeed(job, 1, publication, NOW)

    async def upload(self) -> None:
        holder = Holder.of_upload(str(self.draw.random()), samples.at(1))
        made = content(f"set-{self.draw.randint(0, 3)}", self.draw.choice(POOL))
        labels = b"\x00\x01"
        await self.stores.store.hold_blobs(holder, made.digests(), NOW)
        await samples.put(self.stores.blobs, labels, *(p for p in POOL if digest(p) in set(made.digests())))
        await self.sweep()
        with contextlib.suppress(errors.AlreadyExists):
            await self.stores.store.create_dataset(made, NOW)
        await self.stores.store.release_blobs(holder)

    async def drop(self) -> None:
        datasets = await self.stores.store.list_datasets()
        if datasets:
            await self.stores.store.delete_dataset(self.draw.choice(datasets).name)

    async def sweep(self) -> None:
        await self.stores.store.collect_blobs("", 7, 3, NOW)
        needed = await referred(self.stores.store, self.all_jobs)
        assert await self.stores.blobs.missing(needed) == []


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_what_is_referred_to_stays_and_in_the_end_nothing_else(
    stores: Stores, seed: int
) -> None:
    life = Life(stores, random.Random(seed))
    for _ in range(60):
        await life.act()
    for job in life.jobs:
        await stores.store.fail(job, 1, samples.LOSS, NOW)
    await collect(stores.store)
    needed = await referred(stores.store, life.all_jobs)
    assert await stores.blobs.missing(needed) == []
    assert await kept(stores) == needed & {digest(part) for part in POOL}
    assert await collect(stores.store) == set()


async def test_trainers_that_save_at_once_never_miss_a_blob_of_theirs(stores: Stores) -> None:
    jobs = [f"job-{n}" for n in range(4)]
    for job in jobs:
        await samples.begin(stores.store, job)

    async def train(job: str) -> None:
        draw = random.Random(job)
        for step in range(1, 16):
            # Half of the pool for all: what one drops another one is about to refer to.
            await save(stores, job, 1, step, draw.sample(POOL[:12], 4))

    async def sweep(done: asyncio.Event) -> int:
        removed = 0
        while not done.is_set():
            removed += len(await collect(stores.store, look=100, take=100))
            await asyncio.sleep(0)  # the store in memory never waits for anything
        return removed

    done = asyncio.Event()
    sweeping = asyncio.create_task(sweep(done))
    await asyncio.gather(*map(train, jobs))
    done.set()
    await sweeping
    await collect(stores.store)
    assert await kept(stores) == await referred(stores.store, jobs)


async def test_what_an_attempt_holds_stays_until_the_attempt_is_over(stores: Stores) -> None:
    await samples.begin(stores.store)
    names = [digest(POOL[0]), digest(POOL[1])]
    assert await stores.store.hold_blobs(Holder("job-1", 1), names, NOW) == names
    await samples.put(stores.blobs, POOL[0])
    assert await stores.store.hold_blobs(Holder("job-1", 1), names, NOW) == names[1:]
    assert await collect(stores.store) == set()
    await stores.store.release("job-1", 1, samples.LOSS, True, NOW)
    assert await collect(stores.store) == {names[0]}


async def test_an_attempt_that_is_over_holds_nothing_more(stores: Stores) -> None:
    await samples.begin(stores.store)
    await stores.store.release("job-1", 1, samples.LOSS, True, NOW)
    await samples.start(stores.store, now=samples.at(1))
    with pytest.raises(errors.StaleAttempt):
        await stores.store.hold_blobs(Holder("job-1", 1), [digest(POOL[0])], NOW)


async def test_an_upload_holds_blobs_until_it_is_released_or_expires(stores: Stores) -> None:
    for name, expire in (("a", 1), ("b", -1), ("c", 1)):
        part = POOL["abc".index(name)]
        await stores.store.hold_blobs(Holder.of_upload(name, samples.at(expire)), [digest(part)], NOW)
        await samples.put(stores.blobs, part)
    await stores.store.release_blobs(Holder.of_upload("c", samples.at(1)))
    await collect(stores.store)
    assert await kept(stores) == {digest(POOL[0])}


async def test_the_blobs_of_a_model_outlive_the_checkpoints_of_its_job(stores: Stores) -> None:
    await samples.begin(stores.store)
    await samples.put(stores.blobs)
    await stores.store.commit_checkpoint("job-1", 1, samples.manifest(10), KEEP, NOW)
    await stores.store.succeed("job-1", 1, samples.publication(), NOW)
    await collect(stores.store)
    assert (await stores.store.get_job("job-1")).state is State.SUCCEEDED
    assert await stores.blobs.get(digest(samples.WEIGHTS)) == samples.WEIGHTS


async def test_the_collector_sweeps_over_all_that_is_there(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bessemer_server.scheduling.collector.PAUSE_S", 0)
    many = [n.to_bytes(2, "big") for n in range(100)]
    await samples.put(stores.blobs, *many)
    await Collector(stores.store, lambda: NOW).sweep()
    assert len(await stores.blobs.missing(map(digest, many))) == 100


def test_every_table_that_refers_to_blobs_is_known() -> None:
    named = {f"{column.table.name}.{column.name}" for column in collecting.references()}
    assert named >= {"checkpoint_blobs.digest", "model_blobs.digest", "dataset_blobs.digest"}
    keys = [key for table in tables.metadata.sorted_tables for key in table.foreign_keys]
    assert len(named) == sum(key.target_fullname == "blobs.digest" for key in keys)
