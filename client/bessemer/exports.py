"""Files that are written: models, and whatever else is to be there when it is whole."""

from __future__ import annotations

import contextlib
import os
import pathlib
import uuid
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from bessemer import errors
from bessemer.v1 import models_pb2

Path = str | os.PathLike[str]
FORMATS = {".safetensors": "safetensors", ".onnx": "onnx"}
"""By the end of a file's name."""


def build_request(name: str, version: str, path: Path) -> models_pb2.ExportModelRequest:
    """The request for what `path` shall be. Raises as `check_path`."""
    return models_pb2.ExportModelRequest(
        name=name, version=version, format=FORMATS[check_path(path, tuple(FORMATS))]
    )


def check_path(path: Path, endings: Sequence[str]) -> str:
    """Which of the endings a file to be has. Raises `InvalidArgument` for one that has none, and a folder that is not there."""
    target = pathlib.Path(path)
    if (suffix := target.suffix.lower()) not in endings:
        description = f"must end in {' or '.join(endings)}, but is {os.fspath(path)!r}"
        raise errors.InvalidArgument(violations=(errors.Violation("path", description),))
    if not target.parent.is_dir():
        description = f"there is no folder {str(target.parent)!r}; make it first"
        raise errors.InvalidArgument(violations=(errors.Violation("path", description),))
    return suffix


@contextlib.contextmanager
def replace_when_whole(path: Path) -> Iterator[BinaryIO]:
    """A file that appears under `path`, in place of what was there, when the block ends well, and not at all when it fails."""
    target = pathlib.Path(path)
    unfinished = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        with unfinished.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
