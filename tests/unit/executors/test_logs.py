"""Bringing logs into the store: once, whoever collects, and the folder goes when its trainer has ended."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pathlib
from collections.abc import Iterator

import pytest

from bessemer_server.executors import logs
from bessemer_server.executors.logs import LogCollector
from bessemer_server.stores.memory import MemoryStore
from bessemer_server.worker import output
from tests.conformance import samples


class Trainer:
    """Holds the lock of a folder and prints into it."""

    def __init__(self, folder: pathlib.Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self._lock = os.open(folder / output.LOCK, os.O_RDWR | os.O_CREAT)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.print("")

    def print(self, text: str) -> None:
        with output.segment(self.folder, 0).open("a") as file:
            file.write(text)

    def end(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1


@pytest.fixture
def trainer(tmp_path: pathlib.Path) -> Iterator[Trainer]:
    made = Trainer(output.folder_of(tmp_path, "job-1", 1))
    yield made
    made.end()


async def make_store() -> MemoryStore:
    store = MemoryStore()
    await samples.begin(store)
    return store


async def texts(store: MemoryStore) -> list[str]:
    return [line.text for line in await store.read_log("job-1", 0, 0, 100_000)]


async def test_lines_are_in_the_store_once_they_are_complete(
    trainer: Trainer, tmp_path: pathlib.Path
) -> None:
    store, announced = await make_store(), list[str]()
    collector = LogCollector(store, tmp_path, announced.append)
    trainer.print("one\ntw")
    await collector.collect("job-1", 1)
    assert (await texts(store), announced) == (["one"], ["job-1"])
    trainer.print("o\n")
    await collector.collect("job-1", 1)
    assert await texts(store) == ["one", "two"]
    assert collector.is_open("job-1")


async def test_the_last_words_are_kept_and_the_folder_goes_when_the_trainer_has_ended(
    trainer: Trainer, tmp_path: pathlib.Path
) -> None:
    store = await make_store()
    collector = LogCollector(store, tmp_path, lambda _: None)
    trainer.print("one\nlast")
    trainer.end()
    await collector.collect("job-1", 1)
    assert await texts(store) == ["one", "last"]
    assert not collector.is_open("job-1")
    assert not trainer.folder.exists()


async def test_another_collector_goes_on_where_the_first_one_was(
    trainer: Trainer, tmp_path: pathlib.Path
) -> None:
    store = await make_store()
    trainer.print("one\n")
    await LogCollector(store, tmp_path, lambda _: None).collect("job-1", 1)
    trainer.print("two\n")
    await LogCollector(store, tmp_path, lambda _: None).collect("job-1", 1)
    assert await texts(store) == ["one", "two"]


async def test_what_else_lies_beside_the_logs_keeps_nobody_from_collecting(
    trainer: Trainer, tmp_path: pathlib.Path
) -> None:
    (tmp_path / "some-notes").touch()
    store, told = await make_store(), asyncio.Event()
    trainer.print("one\n")
    collecting = asyncio.create_task(LogCollector(store, tmp_path, lambda _: told.set()).run())
    waiting = asyncio.create_task(told.wait())
    await asyncio.wait({collecting, waiting}, return_when=asyncio.FIRST_COMPLETED)
    assert not collecting.done()
    collecting.cancel()
    assert await texts(store) == ["one"]


async def test_a_trainer_that_prints_without_end_is_left_after_some_rounds_and_read_on_later(
    trainer: Trainer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "ROUNDS", 1)
    store = await make_store()
    collector = LogCollector(store, tmp_path, lambda _: None)
    trainer.print(("x" * 99 + "\n") * 4000)
    trainer.end()
    await collector.collect("job-1", 1)
    assert 0 < len(await texts(store)) < 4000
    assert collector.is_open("job-1")
    await collector.collect("job-1", 1)
    await collector.collect("job-1", 1)  # finds that nothing is left
    assert len(await texts(store)) == 4000
    assert not collector.is_open("job-1")


async def test_the_folder_of_a_job_that_nobody_knows_goes(tmp_path: pathlib.Path) -> None:
    stranger = Trainer(output.folder_of(tmp_path, "stranger", 1))
    collector = LogCollector(await make_store(), tmp_path, lambda _: None)
    stranger.print("hello\n")
    await collector.collect("stranger", 1)
    assert stranger.folder.exists()
    stranger.end()
    await collector.collect("stranger", 1)
    assert not stranger.folder.exists()


async def test_a_store_that_is_away_loses_nothing(
    trainer: Trainer, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bessemer_server.domain import errors

    async def away(*_: object) -> None:
        raise errors.Unavailable("restarting")

    store = await make_store()
    collector = LogCollector(store, tmp_path, lambda _: None)
    trainer.print("one\n")
    trainer.end()
    with monkeypatch.context() as patch:
        patch.setattr(store, "append_log", away)
        await collector.collect("job-1", 1)
    assert trainer.folder.exists()
    await collector.collect("job-1", 1)
    assert await texts(store) == ["one"]
