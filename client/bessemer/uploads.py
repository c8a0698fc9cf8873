"""What users have (folders, archives, files, arrays) to the messages of an upload. The service checks what is in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from bessemer import upload_sources
from bessemer.v1 import datasets_pb2 as pb

CHUNK_BYTES = 512 * 1024


def build(
    name: str,
    source: Any,
    *,
    size: tuple[int, int] | None = None,
    label: str | None = None,
    labels: Sequence[str] | None = None,
    description: str = "",
) -> Iterator[pb.UploadDatasetRequest]:
    """The messages, read from `source` as they are sent. Raises `InvalidArgument` for what can be seen before that."""
    for field, value in (("name", name), ("description", description), ("label", label or "")):
        if not isinstance(value, str):
            raise upload_sources.refuse(field, f"must be a string, but is {value!r}")
    found = upload_sources.open_source(source)
    header = pb.UploadHeader(
        name=name,
        format=found.format,
        description=description,
        size=_size(size),
        label_column=label or "",
        labels=_labels(labels),
    )
    return _messages(header, found)


def _size(size: Any) -> pb.ImageSize | None:
    if size is None:
        return None
    try:
        height, width = size
        return pb.ImageSize(height=height, width=width)
    except (TypeError, ValueError):
        raise upload_sources.refuse(
            "size", f"must be height and width as whole numbers, e.g. (64, 64), but is {size!r}"
        ) from None


def _labels(labels: Any) -> list[str]:
    if isinstance(labels, str) or not all(isinstance(label, str) for label in labels or ()):
        raise upload_sources.refuse("labels", f"must be a list of names, but is {labels!r}")
    return list(labels or ())


def _messages(header: pb.UploadHeader, source: upload_sources.Source) -> Iterator[pb.UploadDatasetRequest]:
    yield pb.UploadDatasetRequest(header=header)
    for path, file in source.files():
        with file:
            first = True
            while (data := file.read(CHUNK_BYTES)) or first:
                chunk = pb.FileChunk(path=path if first else "", data=data)
                yield pb.UploadDatasetRequest(chunk=chunk)
                first = False
