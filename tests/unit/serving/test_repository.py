"""Which version answers a request that names none."""

from __future__ import annotations

import pytest

from bessemer_server.domain import errors
from bessemer_server.domain.models import Model
from bessemer_server.serving.fresh import FRESH_S
from bessemer_server.serving.repository import Repository
from bessemer_server.stores.memory import MemoryStore
from tests.conformance import samples


class Store(MemoryStore):
    """Counts how often it is asked."""

    asked = 0

    async def get_model(self, name: str, version: int | None) -> Model:
        self.asked += 1
        return await super().get_model(name, version)


async def publish(store: MemoryStore, job_id: str) -> None:
    await samples.begin(store, job_id)
    await store.succeed(job_id, 1, samples.empty_publication(), samples.START)


async def make() -> tuple[Store, Repository, list[float]]:
    store, now = Store(), [100.0]
    await publish(store, "first")
    return store, Repository(store, monotonic_s=lambda: now[0]), now


async def test_the_newest_is_looked_up_once_in_a_while_and_not_for_each_request() -> None:
    store, repository, now = await make()
    models = [await repository.get("digits", "") for _ in range(100)]
    assert store.asked == 1
    assert {id(model) for model in models} == {id(models[0])}
    now[0] += FRESH_S
    assert await repository.get("digits", "") is models[0]
    assert store.asked == 2


async def test_what_this_server_publishes_is_the_newest_at_once() -> None:
    store, repository, _ = await make()
    assert (await repository.get("digits", "")).version == 1
    await publish(store, "second")
    repository.changed("digits")
    assert (await repository.get("digits", "")).version == 2
    assert (await repository.get("digits", "1")).version == 1


async def test_what_another_server_publishes_is_the_newest_soon() -> None:
    store, repository, now = await make()
    await repository.get("digits", "")
    await publish(store, "second")
    now[0] += FRESH_S
    assert (await repository.get("digits", "")).version == 2


async def test_a_version_that_comes_amid_a_look_is_not_missed() -> None:
    class Overtaken(Store):
        async def get_model(self, name: str, version: int | None) -> Model:
            model = await super().get_model(name, version)
            if self.asked == 1:
                await publish(self, "second")
                repository.changed("digits")
            return model

    store = Overtaken()
    await publish(store, "first")
    repository = Repository(store)
    assert (await repository.get("digits", "")).version == 1
    assert (await repository.get("digits", "")).version == 2


async def test_an_absent_model_is_looked_for_each_time() -> None:
    store, repository, _ = await make()
    for _ in range(2):
        with pytest.raises(errors.NotFound, match="Request for unknown model: 'digit' is not found"):
            await repository.get("digit", "")
    await publish(store, "second")
    assert (await repository.get("digits", "2")).version == 2


async def test_a_name_longer_than_any_model_has_is_not_looked_for() -> None:
    store, repository, _ = await make()
    with pytest.raises(errors.NotFound, match=r"unknown model: 'm{200}…' is not found"):
        await repository.get("m" * 1_000_000, "")
    assert store.asked == 0
