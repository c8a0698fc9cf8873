"""What every store keeps to: pictures of generators."""

from __future__ import annotations

import pytest

from bessemer_server.domain import errors
from bessemer_server.domain.pictures import Pictures
from bessemer_server.domain.ports import Store
from tests.conformance import samples


def drawn(epoch: int, value: int = 7) -> Pictures:
    return Pictures(epoch, (2, 3, 2, 1), bytes([value] * 12))


async def test_pictures_come_back_whole_and_by_epoch(store: Store) -> None:
    await samples.begin(store)
    assert await store.picture_epochs("job-1") == []
    for epoch in (2, 1, 10):
        await store.record_pictures("job-1", 1, drawn(epoch, epoch), samples.at(3))
    assert await store.picture_epochs("job-1") == [1, 2, 10]
    assert await store.get_pictures("job-1", 10) == drawn(10, 10)
    assert [attempt.lease_time for attempt in await store.active_attempts()] == [samples.at(3)]


async def test_an_epoch_has_its_first_pictures_for_ever(store: Store) -> None:
    await samples.begin(store)
    await store.record_pictures("job-1", 1, drawn(1), samples.START)
    await store.record_pictures("job-1", 1, drawn(1, 9), samples.START)
    assert await store.get_pictures("job-1", 1) == drawn(1)


async def test_an_epoch_without_pictures_is_told_with_those_that_have_some(store: Store) -> None:
    await samples.begin(store)
    await store.record_pictures("job-1", 1, drawn(4), samples.START)
    with pytest.raises(errors.NotFound, match="no pictures of epoch 5; there are some of epochs 4"):
        await store.get_pictures("job-1", 5)


async def test_pictures_of_an_attempt_that_is_over_are_refused(store: Store) -> None:
    await samples.begin(store)
    await store.release("job-1", 1, samples.LOSS, True, samples.START)
    await samples.start(store, "job-1", samples.at(1))
    with pytest.raises(errors.StaleAttempt):
        await store.record_pictures("job-1", 1, drawn(1), samples.at(2))
    assert await store.picture_epochs("job-1") == []
