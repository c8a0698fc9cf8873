"""Uploaded data sets from the server's blobs to a trainer's memory."""

from __future__ import annotations

import itertools

import numpy as np

from bessemer_server.data import sources, uploaded
from bessemer_server.domain.checkpoints import TensorEntry
from bessemer_server.domain.datasets import Content
from bessemer_server.worker import reporting
from bessemer_server.worker.arrays import Array

LOST_DATA = "upload the data set again, under another name, or restore the database"
RUN_PARTS = 16
"""Blobs that are asked for at once: what lies in memory twice."""


def make_source(client: reporting.Client, content: Content) -> sources.Source:
    """The data set as a source, which fetches when it is read."""
    entries = {entry.name: entry for entry in content.tensors}
    return uploaded.make_source(
        content.info, content.scale, entries.keys(), lambda name: fetch(client, entries[name], LOST_DATA)
    )


def open_source(content: Content, path: str) -> sources.Source:
    """The data set whose tensors' bytes are in the file at `path`, in their order."""
    ends = list(itertools.accumulate(entry.size_bytes for entry in content.tensors))
    places = {
        entry.name: (entry, end - entry.size_bytes) for entry, end in zip(content.tensors, ends, strict=True)
    }

    def read(name: str) -> Array:
        entry, start = places[name]
        data = np.fromfile(path, np.uint8, entry.size_bytes, offset=start)
        return data.view(entry.dtype).reshape(entry.shape)

    return uploaded.make_source(content.info, content.scale, places.keys(), read)


def fetch(client: reporting.Client, entry: TensorEntry, next_step: str) -> Array:
    """The tensor; the server has compared every part with its digest. Raises `sources.InvalidData`, which says what to do
    when it is lost.
    """
    data = np.empty(entry.size_bytes, np.uint8)
    end = 0
    for first in range(0, len(entry.digests), RUN_PARTS):
        run = entry.digests[first : first + RUN_PARTS]
        try:
            blobs = client.download(run)
        except reporting.Lost as error:
            raise sources.InvalidData(str(error), next_step) from error
        for digest in run:
            part = np.frombuffer(blobs[digest], np.uint8)
            data[end : end + len(part)] = part
            end += len(part)
    return data.view(entry.dtype).reshape(entry.shape)
