"""The blocking face and the one for asyncio are the same to their users, but for `await`."""

import inspect
import re
from typing import Any

import pytest

import bessemer
import bessemer.aio
import bessemer.aio.datasets
import bessemer.aio.jobs
import bessemer.aio.models
from bessemer import client, datasets, jobs, models

TWINS = [
    (client.Client, bessemer.aio.Client),
    (jobs.Job, bessemer.aio.Job),
    (jobs.Jobs, bessemer.aio.jobs.Jobs),
    (models.Model, bessemer.aio.Model),
    (models.Models, bessemer.aio.models.Models),
    (datasets.Datasets, bessemer.aio.datasets.Datasets),
]
ASYNCHRONOUS = re.compile(r"Async(?:Iterator|Generator)\[(\w+)(?:, None)?\]")


def members(face):
    return {name: value for name, value in inspect.getmembers_static(face) if not name.startswith("_")}


def get_function(member: Any) -> Any:
    return member.fget if isinstance(member, property) else member


def is_awaited(member):
    function = get_function(member)
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def describe(member):
    """Parameters and result as they are written, with the types of asyncio as their blocking twins."""
    return ASYNCHRONOUS.sub(r"Iterator[\1]", str(inspect.signature(get_function(member))))


@pytest.mark.parametrize(("blocking", "awaited"), TWINS, ids=lambda face: face.__name__)
def test_both_faces_have_the_same_members_with_the_same_signatures(blocking, awaited):
    ours, theirs = members(blocking), members(awaited)
    assert ours.keys() == theirs.keys()
    for name in ours:
        assert type(ours[name]) is type(theirs[name]), name
        assert describe(ours[name]) == describe(theirs[name]), name


@pytest.mark.parametrize(("blocking", "awaited"), TWINS, ids=lambda face: face.__name__)
def test_what_is_not_shared_is_awaited_and_never_blocks(blocking, awaited):
    own = {name: value for name, value in vars(awaited).items() if name in members(awaited)}
    assert [name for name, value in own.items() if not is_awaited(value) and name != "address"] == []
    assert not any(is_awaited(value) for value in members(blocking).values())


def test_connecting_takes_the_same_arguments():
    assert describe(bessemer.aio.connect) == describe(bessemer.connect)


def test_the_package_of_asyncio_is_there_without_an_import_of_its_own():
    assert bessemer.aio.__all__ == ["Client", "Job", "Model", "connect"]
