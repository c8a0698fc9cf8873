"""Unloading a model, while the database is slow or away."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.domain import errors
from bessemer_server.rpc import traffic
from bessemer_server.rpc.inference.loading import RepositoryServicer
from bessemer_server.serving.fleet import Fleet
from bessemer_server.serving.repository import Repository
from tests.unit.serving.test_requests import MODEL

NAME = MODEL.name
UNUSED: Any = None


class Models:
    """A store with one model, until it fails."""

    def __init__(self) -> None:
        self.problem: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()

    async def get_model(self, name, version):
        self.asked.set()
        await self.gate.wait()
        if self.problem:
            raise self.problem
        return MODEL


@pytest.fixture
async def models():
    return Models()


@pytest.fixture
async def repository(models):
    return Repository(models)


@pytest.fixture
async def servicer(repository):
    return RepositoryServicer(repository, Fleet("auto"), traffic.Traffic())


@pytest.fixture
async def unload(servicer):
    async def unload(name=NAME):
        return await servicer.RepositoryModelUnload(pb.RepositoryModelUnloadRequest(model_name=name), UNUSED)

    return unload


@pytest.mark.parametrize("is_again", [False, True])
async def test_an_unload_that_fails_changes_nothing(models, repository, unload, is_again):
    if is_again:
        await unload()
        repository.changed(NAME)
    models.problem = errors.Unavailable("the database is away")
    with pytest.raises(errors.Unavailable):
        await unload()
    assert repository.is_unloaded(NAME) is is_again


@pytest.mark.parametrize("is_again", [False, True])
async def test_an_unload_that_is_given_up_changes_nothing(models, repository, unload, is_again):
    if is_again:
        await unload()
        repository.changed(NAME)
    models.gate.clear()
    models.asked.clear()
    given_up = asyncio.create_task(unload())
    await models.asked.wait()
    assert repository.is_unloaded(NAME)
    given_up.cancel()
    await asyncio.wait([given_up])
    assert repository.is_unloaded(NAME) is is_again


async def test_of_a_model_that_is_not_there_nothing_is_kept(models, repository, unload):
    models.problem = errors.NotFound("no such model")
    await unload("nobody")
    assert not repository.is_unloaded("nobody")


async def test_of_two_unloads_the_one_that_is_given_up_leaves_the_other(models, repository, unload):
    models.gate.clear()
    given_up = asyncio.create_task(unload())
    await models.asked.wait()
    other = asyncio.create_task(unload())
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait([given_up])
    models.gate.set()
    await other
    assert repository.is_unloaded(NAME)


async def test_who_loads_a_model_while_it_is_being_unloaded_has_the_last_word(models, repository, unload):
    models.gate.clear()
    unloading = asyncio.create_task(unload())
    await models.asked.wait()
    repository.load(NAME)
    models.gate.set()
    await unloading
    assert not repository.is_unloaded(NAME)


async def test_a_model_that_was_unloaded_and_deleted_is_unknown_and_the_next_of_its_name_is_served(
    models, repository, servicer, unload
):
    await unload()
    with pytest.raises(errors.NotFound, match="it was unloaded"):
        await repository.get(NAME, "")
    models.problem = errors.NotFound("there is no such model")
    repository.changed(NAME)
    with pytest.raises(errors.NotFound, match="there is no such model"):
        await repository.get(NAME, "")
    await servicer.forget(NAME, MODEL.version)
    models.problem = None
    repository.changed(NAME)
    assert await repository.get(NAME, "") == MODEL


async def test_a_model_of_which_versions_are_left_stays_unloaded_when_one_is_deleted(
    repository, servicer, unload
):
    await unload()
    await servicer.forget(NAME, 99)
    assert repository.is_unloaded(NAME)
