"""Which version answers a request that names none."""

from __future__ import annotations

import asyncio

import pytest

from bessemer_server.domain import errors
from bessemer_server.domain.models import Model
from bessemer_server.serving.fresh import AHEAD_S, FRESH_S, MOST_READ, PATIENCE_S
from bessemer_server.serving.repository import Repository
from bessemer_server.stores.memory import MemoryStore
from tests.conformance import samples

AWAY = errors.Unavailable("the database is away")


class Store(MemoryStore):
    """Counts how often it is asked, and answers when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.error: errors.DomainError | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def get_model(self, name: str, version: int | None) -> Model:
        self.asked += 1
        error, model = self.error, await super().get_model(name, version)
        await self.may_answer.wait()
        if error:
            raise error
        return model


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


async def test_many_that_ask_at_once_cost_one_look() -> None:
    store, repository, now = await make()
    for looks in (1, 2):
        models = await asyncio.gather(*(repository.get("digits", "") for _ in range(100)))
        assert {model.version for model in models} == {1}
        assert store.asked == looks
        now[0] += FRESH_S


async def test_what_is_asked_for_all_the_time_is_looked_up_while_nobody_waits() -> None:
    store, repository, now = await make()
    await repository.get("digits", "")
    await publish(store, "second")
    store.may_answer.clear()
    now[0] += AHEAD_S
    assert [(await repository.get("digits", "")).version for _ in range(3)] == [1, 1, 1]
    store.may_answer.set()
    await asyncio.sleep(0.01)
    assert (await repository.get("digits", "")).version == 2
    assert store.asked == 2


async def test_who_gives_up_waiting_takes_the_look_from_nobody() -> None:
    store, repository, _ = await make()
    store.may_answer.clear()
    first, second = (asyncio.create_task(repository.get("digits", "")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    store.may_answer.set()
    assert (await second).version == 1
    assert store.asked == 1


async def test_a_look_that_fails_is_told_to_all_who_wait_and_not_kept() -> None:
    store, repository, _ = await make()
    store.error = AWAY
    found = await asyncio.gather(*(repository.get("digits", "") for _ in range(3)), return_exceptions=True)
    assert (found, store.asked) == ([AWAY] * 3, 1)
    store.error = None
    assert (await repository.get("digits", "")).version == 1


async def test_while_the_database_is_away_models_that_were_there_are_there() -> None:
    store, repository, now = await make()
    await repository.get("digits", "")
    store.error = AWAY
    for passed_s in (AHEAD_S, FRESH_S, 3600.0):
        now[0] += passed_s
        assert (await repository.get("digits", "")).version == 1
    with pytest.raises(errors.Unavailable):
        await repository.get("digits", "1")  # nobody has asked for it so
    await publish(store, "second")
    store.error = None
    now[0] += FRESH_S
    assert (await repository.get("digits", "")).version == 2


async def test_while_the_database_hangs_models_that_were_there_are_there_and_few_looks_are_kept() -> None:
    store, repository, now = await make()
    await repository.get("digits", "")
    store.may_answer.clear()
    for _ in range(3):
        now[0] += FRESH_S
        async with asyncio.timeout(5):
            assert (await repository.get("digits", "")).version == 1
    assert store.asked == 2
    others = [asyncio.create_task(repository.get("digits", str(n))) for n in range(1, MOST_READ + 2)]
    done, waiting = await asyncio.wait(others, timeout=0.1)
    for each in waiting:
        each.cancel()
    assert errors.Unavailable in {type(each.exception()) for each in done}


async def test_who_waits_for_a_look_that_hangs_while_a_version_comes_gets_that_version() -> None:
    store, repository, now = await make()
    await repository.get("digits", "")
    store.may_answer.clear()
    now[0] += FRESH_S
    asked = asyncio.create_task(repository.get("digits", ""))
    await asyncio.sleep(0)
    await publish(store, "second")
    repository.changed("digits")
    await asyncio.sleep(2 * PATIENCE_S)
    assert not asked.done()
    store.may_answer.set()
    assert (await asked).version == 2


async def test_a_look_is_as_old_as_its_beginning() -> None:
    class Slow(Store):
        async def get_model(self, name: str, version: int | None) -> Model:
            model = await super().get_model(name, version)
            now[0] += FRESH_S
            return model

    store, now = Slow(), [100.0]
    await publish(store, "first")
    repository = Repository(store, monotonic_s=lambda: now[0])
    for looks in (1, 2):
        await repository.get("digits", "")
        assert store.asked == looks


async def test_what_another_server_deleted_is_gone_although_the_database_goes_away_then() -> None:
    store, repository, now = await make()
    await repository.get("digits", "")
    now[0] += FRESH_S
    for store.error in (errors.NotFound("it was deleted"), AWAY):
        with pytest.raises(type(store.error)):
            await repository.get("digits", "")


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
