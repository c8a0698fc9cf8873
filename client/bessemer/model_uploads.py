"""Files of weights to the messages of an upload."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator

from bessemer import errors
from bessemer.v1 import models_pb2 as pb

CHUNK_BYTES = 512 * 1024


def build(name: str, path: str | os.PathLike[str], like: str | None) -> Iterator[pb.UploadModelRequest]:
    """The messages, read from the file as they are sent. Raises `InvalidArgument` for what can be seen before that."""
    for field, value in (("name", name), ("like", like or "")):
        if not isinstance(value, str):
            raise _refuse(field, f"must be a string, but is {value!r}")
    file = pathlib.Path(path)
    if file.suffix.lower() != ".safetensors":
        raise _refuse("path", f"must end in .safetensors, but is {os.fspath(path)!r}")
    if not file.is_file():
        raise _refuse("path", f"there is no file {os.fspath(path)!r}")
    return _messages(pb.ModelUploadHeader(name=name, like=like or ""), file)


def _messages(header: pb.ModelUploadHeader, path: pathlib.Path) -> Iterator[pb.UploadModelRequest]:
    yield pb.UploadModelRequest(header=header)
    with path.open("rb") as file:
        while data := file.read(CHUNK_BYTES):
            yield pb.UploadModelRequest(data=data)


def _refuse(field: str, description: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(violations=(errors.Violation(field, description),))
