"""The messages of an upload: what they may say."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Collection
from typing import Any

from bessemer.v1 import datasets_pb2 as pb
from bessemer_server.domain import errors

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
MAX_SIDE = 4096
MAX_WORDS = 500


async def read(requests: AsyncIterator[pb.UploadDatasetRequest]) -> pb.UploadHeader:
    """The first message. Raises `InvalidArgument` when it is none or another."""
    async for request in requests:
        if request.WhichOneof("part") == "header":
            return request.header
        break
    raise _refuse("header", "an upload begins with its header")


def chunk_of(request: pb.UploadDatasetRequest) -> pb.FileChunk:
    """Each further message. Raises `InvalidArgument`."""
    if request.WhichOneof("part") != "chunk":
        raise _refuse("chunk", "after the header come chunks alone")
    return request.chunk


def check(header: pb.UploadHeader, taken: Collection[str]) -> None:
    """Raise `InvalidArgument` with all that is wrong; `taken` are the names that come with the service."""
    found = []
    if not NAME.fullmatch(header.name):
        description = (
            "must start with a lower-case letter or a digit and hold only those, '-' and '_', at most 63 characters, "
            f"but is {header.name!r}"
        )
        found.append(errors.Violation("name", description))
    if header.name in taken:
        found.append(errors.Violation("name", f"{header.name!r} comes with the service; choose another one"))
    known = {value: name for name, value in pb.UploadHeader.Format.items() if value}
    if header.format not in known:
        found.append(
            errors.Violation("format", f"{header.format} is no format; known are {', '.join(known.values())}")
        )
    found += _check_size(header)
    if header.label_column and header.format != pb.UploadHeader.CSV:
        found.append(errors.Violation("label", "names a column of a CSV file; leave it out"))
    if header.labels and header.format not in (pb.UploadHeader.CSV, pb.UploadHeader.NPZ):
        found.append(errors.Violation("labels", "the folders name the classes; leave it out"))
    if header.labels and len(set(header.labels)) != len(header.labels):
        found.append(errors.Violation("labels", "has a name twice; each class needs a name of its own"))
    if len(header.description) > MAX_WORDS:
        found.append(errors.Violation("description", f"must have at most {MAX_WORDS} characters"))
    if found:
        raise errors.InvalidArgument(violations=found)


def _check_size(header: pb.UploadHeader) -> list[errors.Violation]:
    if not header.HasField("size"):
        return []
    size = header.size
    if header.format != pb.UploadHeader.IMAGE_FOLDERS:
        return [errors.Violation("size", "is for folders of images alone; leave it out")]
    if 1 <= size.height <= MAX_SIDE and 1 <= size.width <= MAX_SIDE:
        return []
    description = f"height and width must be from 1 to {MAX_SIDE}, but are {size.height} and {size.width}"
    return [errors.Violation("size", description)]


def options_of(header: pb.UploadHeader) -> dict[str, Any]:
    """As `domain.datasets.Upload.options`."""
    size = (header.size.height, header.size.width) if header.HasField("size") else None
    return {
        "description": header.description,
        "size": size,
        "label_column": header.label_column,
        "labels": list(header.labels),
    }


def _refuse(field: str, description: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(violations=[errors.Violation(field, description)])
