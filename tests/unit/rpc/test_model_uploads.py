"""Uploads that say nothing, and what they leave: a place for others, and no files."""

from __future__ import annotations

import asyncio
import errno
import pathlib
import shutil
import threading
from typing import Any

import pytest

from bessemer.v1 import models_pb2 as pb
from bessemer_server.domain import errors
from bessemer_server.rpc import spooling
from bessemer_server.rpc.model_uploads import ModelUploads

UNUSED: Any = None
HEADER = pb.UploadModelRequest(header=pb.ModelUploadHeader(name="mine"))
DATA = pb.UploadModelRequest(data=b"x")


@pytest.fixture
def room(tmp_path):
    return spooling.Room(tmp_path / "uploads", 1 << 20)


@pytest.fixture
def uploads(room):
    return ModelUploads(UNUSED, UNUSED, UNUSED, room, silence_s=0.01)


async def stream(*messages, ends=True):
    for message in messages:
        yield message
    if not ends:
        await asyncio.Event().wait()


async def test_streams_that_have_not_begun_take_no_place(room):
    uploads = ModelUploads(UNUSED, UNUSED, UNUSED, room)
    silent = [
        asyncio.create_task(uploads.receive(stream(ends=False))) for _ in range(spooling.UPLOADS_AT_ONCE)
    ]
    with pytest.raises(errors.InvalidArgument, match="file: is empty"):
        await uploads.receive(stream(HEADER))
    for each in silent:
        each.cancel()
    await asyncio.wait(silent)


@pytest.mark.parametrize("messages", [(), (HEADER,), (HEADER, DATA)], ids=["at all", "header", "bytes"])
async def test_a_stream_that_falls_silent_is_given_up_and_leaves_nothing(room, uploads, messages):
    with pytest.raises(errors.DeadlineExceeded, match=r"nothing more came of the upload for 0\.01 s"):
        await uploads.receive(stream(*messages, ends=False))
    assert room.taken == 0
    assert not list(room.folder.glob("*"))


async def test_where_no_file_can_be_made_no_folder_is_left(room, uploads, monkeypatch):
    def refuse(*arguments: Any) -> Any:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(pathlib.Path, "open", refuse)
    with pytest.raises(errors.ResourceExhausted, match="the disk of the service has no room"):
        await uploads.receive(stream(HEADER, DATA))
    assert room.taken == 0
    assert not list(room.folder.iterdir())


async def test_files_are_removed_while_the_service_goes_on(room, uploads, monkeypatch):
    threads, remove = [], shutil.rmtree

    def note(*arguments: Any, **options: Any) -> None:
        threads.append(threading.current_thread())
        remove(*arguments, **options)

    monkeypatch.setattr(shutil, "rmtree", note)
    with pytest.raises(errors.InvalidArgument, match="file: is empty"):
        await uploads.receive(stream(HEADER))
    assert threads
    assert threading.main_thread() not in threads
    assert not list(room.folder.iterdir())
