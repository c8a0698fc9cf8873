"""A helper whose device computes by itself begins the next request meanwhile, and answers in order."""

import asyncio
import os
import pathlib
import time

import pytest

from bessemer_server.domain import errors
from bessemer_server.executors.forkserver import ForkServer
from bessemer_server.executors.helper import Helper
from bessemer_server.training.pending import Pending
from bessemer_server.worker import service


def run_device(connection, folder):
    """A helper with a device that is done with a request as soon as there is a file of its name."""
    answered = []

    def compute(arguments, _body):
        name, known = arguments["name"], list(answered)
        (folder / f"{name} has begun").touch()

        def result():
            while not (folder / name).exists():
                time.sleep(0.001)
            answered.append(name)
            if "error" in arguments:
                raise errors.NotFound(arguments["error"])
            return known, {}

        return Pending((folder / name).exists, result)

    def tell(_arguments, _body):
        return list(answered), {}

    service.serve(connection, {"compute": compute, "tell": tell}, ahead={"compute"})


@pytest.fixture(scope="module")
def forkserver():
    return ForkServer()


@pytest.fixture
async def helper(forkserver, tmp_path):
    made = Helper("device", forkserver, run_device, tmp_path)
    await made.start()
    yield made
    await made.close()


def begin(helper, name, **arguments):
    return asyncio.create_task(helper.call("compute", {"name": name, **arguments}))


async def wait_for(file: pathlib.Path):
    async with asyncio.timeout(10):
        while not os.path.exists(file):  # noqa: ASYNC110, ASYNC240, PTH110 - another process makes it, and to look takes no time
            await asyncio.sleep(0.001)


async def test_the_second_request_begins_while_the_first_is_computed(helper, tmp_path):
    first, second = begin(helper, "first"), begin(helper, "second")
    await wait_for(tmp_path / "second has begun")
    assert not first.done()
    (tmp_path / "first").touch()
    assert (await first)[0] == []
    assert not second.done()
    (tmp_path / "second").touch()
    assert (await second)[0] == []


async def test_a_third_request_waits_for_the_first(helper, tmp_path):
    calls = [begin(helper, name) for name in ("first", "second", "third")]
    await wait_for(tmp_path / "second has begun")
    for name in ("third", "second", "first"):  # whatever the device is done with: answers keep their order
        (tmp_path / name).touch()
    first, second, third = [known for known, _ in await asyncio.gather(*calls)]
    assert (first, second) == ([], [])
    assert third[0] == "first"


async def test_other_methods_wait_until_nothing_is_computed(helper, tmp_path):
    first, second = begin(helper, "first"), begin(helper, "second")
    await wait_for(tmp_path / "second has begun")
    told = asyncio.create_task(helper.call("tell", {}))
    (tmp_path / "first").touch()
    await first
    assert not told.done()
    (tmp_path / "second").touch()
    assert (await told)[0] == ["first", "second"]
    await second


async def test_a_server_that_goes_amid_all_this_leaves_no_stack_trace(forkserver, tmp_path, capfd):
    helper = Helper("device", forkserver, run_device, tmp_path)
    first, second, third = (begin(helper, name) for name in ("first", "second", "third"))
    await wait_for(tmp_path / "second has begun")
    closing = asyncio.create_task(helper.close())
    for name in ("first", "second", "third"):
        (tmp_path / name).touch()
    await closing
    ended = await asyncio.gather(first, second, third, return_exceptions=True)
    assert {type(error) for error in ended} == {errors.Unavailable}
    assert "Traceback" not in capfd.readouterr().err


async def test_what_fails_while_it_is_computed_fails_alone(helper, tmp_path):
    first, second = begin(helper, "first", error="gone"), begin(helper, "second")
    await wait_for(tmp_path / "second has begun")
    (tmp_path / "first").touch()
    (tmp_path / "second").touch()
    with pytest.raises(errors.NotFound, match="gone"):
        await first
    assert (await second)[0] == []
