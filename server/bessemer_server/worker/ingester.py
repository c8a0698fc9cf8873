"""The ingester process: looks into one upload, and ends. A file that breaks a decoder breaks nothing else."""

from __future__ import annotations

import dataclasses
import pathlib
import socket
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from bessemer_server.data.uploads import contract, readers
from bessemer_server.domain import datasets, plans
from bessemer_server.worker import arrays, service
from bessemer_server.worker.arrays import Array


def main(connection: socket.socket) -> None:
    """Serve `ingest`."""
    service.serve(connection, {"ingest": _ingest})


def _ingest(arguments: Mapping[str, Any], body: service.Body) -> tuple[Any, service.Body]:
    return dataclasses.asdict(ingest(datasets.Upload(**arguments))), {}


def ingest(upload: datasets.Upload) -> datasets.Content:
    """See `ports.Ingester.ingest`."""
    options = _options(upload.options)
    with contract.Files(upload.spool, [contract.Entry(*file) for file in upload.files]) as files:
        parsed = readers.READERS[upload.format](files, options)
    with pathlib.Path(upload.output).open("wb") as output:
        tensors = tuple(arrays.write(output, name, array) for name, array in _tensors(parsed))
    info = plans.DatasetInfo(
        name=upload.name,
        description=_describe(options.description, parsed.description),
        kind=parsed.kind,
        shape=parsed.shape,
        labels=parsed.labels,
        train_samples=len(parsed.train.labels),
        test_samples=len(parsed.test.labels) if parsed.test else 0,
        bundled=False,
    )
    return datasets.Content(info, parsed.scale, tensors)


def _options(said: Mapping[str, Any]) -> contract.Options:
    size = said.get("size")
    return contract.Options(
        description=said.get("description", ""),
        size=(size[0], size[1]) if size else None,
        label_column=said.get("label_column", ""),
        labels=tuple(said.get("labels", ())),
    )


def _describe(words: str, found: str) -> str:
    if words:
        return f"{words.rstrip('. ')}: {found}."
    return f"{found[:1].upper()}{found[1:]}."


def _tensors(parsed: contract.Parsed) -> Iterator[tuple[str, Array]]:
    for name, split in (("train", parsed.train), ("test", parsed.test)):
        if split is None:
            continue
        if isinstance(split.inputs, list):
            encoded = [text.encode() for text in split.inputs]
            yield f"{name}/inputs", np.frombuffer(b"".join(encoded), np.uint8)
            yield f"{name}/offsets", np.cumsum([0, *map(len, encoded)], dtype=np.int64)
        else:
            yield f"{name}/inputs", split.inputs
        yield f"{name}/labels", split.labels
