"""What every store keeps to when the bytes of a blob have changed behind its back."""

from __future__ import annotations

import hashlib
import random

import pytest

from bessemer_server.domain import errors
from bessemer_server.domain.checkpoints import Retention
from bessemer_server.domain.events import CheckpointDamaged, StateChanged
from bessemer_server.domain.ports import Store
from bessemer_server.domain.states import State
from tests.conformance import samples
from tests.conformance.test_blobs import corrupt, overwrite
from tests.fix_database import Stores

KEEP = Retention(3)
NOW = samples.START
PARTS = {10: b"ten", 20: b"twenty", 30: b"thirty"}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def save(stores: Stores, step: int, attempt: int = 1) -> None:
    await samples.put(stores.blobs, PARTS[step])
    await stores.store.commit_checkpoint("job-1", attempt, samples.manifest(step, PARTS[step]), KEEP, NOW)


@pytest.fixture
async def resuming(stores: Stores) -> Stores:
    """A job with three checkpoints, the blobs of the last two of which are damaged, whose second attempt starts."""
    await samples.begin(stores.store)
    for step in PARTS:
        await save(stores, step)
    await stores.store.release("job-1", 1, samples.LOSS, True, NOW)
    await samples.start(stores.store, now=samples.at(1))
    for step in (20, 30):
        await corrupt(stores, digest(PARTS[step]))
    return stores


async def flags(store: Store) -> dict[int, bool]:
    return {c.manifest.step: c.damaged for c in await store.list_checkpoints("job-1")}


async def test_what_was_not_read_is_not_known(resuming: Stores) -> None:
    assert await flags(resuming.store) == {10: False, 20: False, 30: False}


async def test_a_damaged_checkpoint_is_flagged_told_and_passed_over(resuming: Stores) -> None:
    store = resuming.store
    last = (await store.get_job("job-1")).last_cursor
    assert await store.mark_damaged(digest(PARTS[30]), samples.at(2)) == ["job-1"]
    assert await flags(store) == {10: False, 20: False, 30: True}
    latest = await store.latest_checkpoint("job-1")
    assert latest is not None
    assert latest.manifest.step == 20
    (event,) = await store.events("job-1", last, 10)
    assert event.time == samples.at(2)
    assert isinstance(event.kind, CheckpointDamaged)
    assert (event.kind.checkpoint_id, event.kind.step) == ("job-1-30", 30)
    assert digest(PARTS[30]) in event.kind.message
    assert event.kind.message.endswith("training goes on from the one of step 20")
    assert (await store.get_job("job-1")).state_message == event.kind.message
    assert await store.mark_damaged(digest(PARTS[30]), samples.at(3)) == []


async def test_without_a_sound_checkpoint_training_starts_again_and_says_so(resuming: Stores) -> None:
    store = resuming.store
    for part in PARTS.values():
        await corrupt(resuming, digest(part))
        await store.mark_damaged(digest(part), NOW)
    assert await store.latest_checkpoint("job-1") is None
    assert (await store.get_job("job-1")).state_message.endswith("training starts again from step 0")
    await store.report("job-1", 2, [], None, NOW)
    job = await store.get_job("job-1")
    assert (job.state, job.state_message.endswith("training starts again from step 0")) == (
        State.RUNNING,
        True,
    )
    last = (await store.events("job-1", job.last_cursor - 1, 1))[0].kind
    assert isinstance(last, StateChanged)
    assert last.message == job.state_message


async def test_the_same_step_saved_again_heals_the_checkpoint(resuming: Stores) -> None:
    store = resuming.store
    await store.mark_damaged(digest(PARTS[30]), NOW)
    assert await resuming.blobs.missing([digest(PARTS[30])]) == [digest(PARTS[30])]
    await save(resuming, 30, attempt=2)
    assert await flags(store) == {10: False, 20: False, 30: False}
    assert await resuming.blobs.get(digest(PARTS[30])) == PARTS[30]


async def test_a_checkpoint_cannot_be_committed_on_damaged_blobs(resuming: Stores) -> None:
    await resuming.store.mark_damaged(digest(PARTS[30]), NOW)
    with pytest.raises(errors.FailedPrecondition, match=digest(PARTS[30])):
        await resuming.store.commit_checkpoint("job-1", 2, samples.manifest(40, PARTS[30]), KEEP, NOW)


async def test_damaged_checkpoints_go_with_the_next_one_and_take_no_place_of_sound_ones(
    resuming: Stores,
) -> None:
    store = resuming.store
    await store.mark_damaged(digest(PARTS[20]), NOW)
    await store.mark_damaged(digest(PARTS[30]), NOW)
    await samples.put(resuming.blobs)
    await store.commit_checkpoint("job-1", 2, samples.manifest(15), Retention(2), NOW)
    assert await flags(store) == {10: False, 15: False, 20: True, 30: True}
    await store.commit_checkpoint("job-1", 2, samples.manifest(25), Retention(2), NOW)
    assert await flags(store) == {15: False, 25: False, 30: True}


async def test_a_sound_blob_is_not_marked(resuming: Stores) -> None:
    assert await resuming.store.mark_damaged(digest(PARTS[10]), NOW) == []
    assert await resuming.blobs.missing([digest(PARTS[10])]) == []


async def test_a_job_that_has_ended_is_told_nothing_but_shows_it(resuming: Stores) -> None:
    store = resuming.store
    await store.fail("job-1", 2, samples.LOSS, NOW)
    before = await store.get_job("job-1")
    assert await store.mark_damaged(digest(PARTS[30]), NOW) == []
    assert await store.get_job("job-1") == before
    assert (await flags(store))[30]


async def test_a_damaged_checkpoint_gives_way_to_another_of_its_step(resuming: Stores) -> None:
    """A job that begins anew, with sums in another order, comes to the same steps with other bytes."""
    store, other = resuming.store, b"twenty, otherwise"
    for step in (20, 30):
        await store.mark_damaged(digest(PARTS[step]), samples.at(2))
    await samples.put(resuming.blobs, other)
    saved = await store.commit_checkpoint("job-1", 2, samples.manifest(20, other), KEEP, NOW)
    assert (saved.attempt, saved.manifest) == (2, samples.manifest(20, other))
    assert await flags(store) == {10: False, 20: False, 30: True}
    assert await store.latest_checkpoint("job-1") == saved


async def flip_manifest(stores: Stores, step: int, draw: random.Random) -> str:
    """Flip a bit of a stored manifest; its digest."""
    data = bytearray(samples.manifest(step, PARTS[step]).encode())
    name = digest(bytes(data))
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    await overwrite(stores, name, bytes(data))
    return name


@pytest.mark.parametrize(
    "seed", [*range(4), *(pytest.param(n, marks=pytest.mark.long) for n in range(4, 20))]
)
async def test_a_flipped_bit_of_a_manifest_is_found_told_and_passed_over(stores: Stores, seed: int) -> None:
    store = stores.store
    await samples.begin(store)
    for step in PARTS:
        await save(stores, step)
    await store.release("job-1", 1, samples.LOSS, True, NOW)
    await samples.start(store, now=samples.at(1))
    name = await flip_manifest(stores, 30, random.Random(seed))
    assert await flags(store) == {10: False, 20: False, 30: True}
    with pytest.raises(errors.DamagedBlob, match=name) as caught:
        await store.latest_checkpoint("job-1")
    assert caught.value.digest == name
    assert await store.mark_damaged(name, samples.at(2)) == ["job-1"]
    latest = await store.latest_checkpoint("job-1")
    assert latest is not None
    assert latest.manifest == samples.manifest(20, PARTS[20])
    message = (await store.get_job("job-1")).state_message
    assert name in message
    assert message.endswith("training goes on from the one of step 20")
    assert await flags(store) == {10: False, 20: False, 30: True}


@pytest.mark.parametrize("marked", [False, True])
async def test_a_manifest_that_is_saved_again_is_whole_again(resuming: Stores, marked: bool) -> None:
    store, manifest = resuming.store, samples.manifest(20, PARTS[20])
    name = await flip_manifest(resuming, 20, random.Random(1))
    if marked:
        await store.mark_damaged(name, samples.at(2))
    await overwrite(resuming, digest(PARTS[20]), PARTS[20])
    saved = await store.commit_checkpoint("job-1", 2, manifest, KEEP, samples.at(3))
    assert (saved.attempt, saved.manifest, saved.damaged) == (2, manifest, False)
    assert await flags(store) == {10: False, 20: False, 30: False}


async def test_when_all_manifests_are_damaged_no_checkpoint_is_left(resuming: Stores) -> None:
    for step in PARTS:
        name = await flip_manifest(resuming, step, random.Random(step))
        assert await resuming.store.mark_damaged(name, samples.at(2)) == ["job-1"]
    assert await resuming.store.latest_checkpoint("job-1") is None
    assert await flags(resuming.store) == dict.fromkeys(PARTS, True)


async def test_a_job_all_of_whose_checkpoints_are_damaged_saves_again(stores: Stores) -> None:
    await samples.begin(stores.store)
    await save(stores, 10)
    await stores.store.release("job-1", 1, samples.LOSS, True, NOW)
    await samples.start(stores.store, now=samples.at(1))
    await corrupt(stores, digest(PARTS[10]))
    await stores.store.mark_damaged(digest(PARTS[10]), samples.at(2))
    other = b"ten, otherwise"
    await samples.put(stores.blobs, other)
    await stores.store.commit_checkpoint("job-1", 2, samples.manifest(10, other), KEEP, NOW)
    assert await flags(stores.store) == {10: False}
