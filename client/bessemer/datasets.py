"""Data sets that jobs can name."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

from bessemer import uploads
from bessemer.transport import Transport
from bessemer.v1 import datasets_pb2


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A data set, without its samples."""

    name: str
    description: str
    kind: str
    """`image`, `table` or `text`."""
    shape: tuple[int, ...]
    """Of one sample: (height, width, channels) or (features,); () for texts."""
    labels: tuple[str, ...]
    train_samples: int
    test_samples: int
    """0 where there is no test split of its own: `test_split` then makes one."""
    bundled: bool
    """False when the first use downloads it, and for an uploaded one."""
    digest: str = ""
    """SHA-256 of an uploaded data set; empty for one that comes with the service."""
    size_bytes: int = 0
    """Of the decoded samples of an uploaded data set."""
    create_time: datetime.datetime | None = None
    """When it was uploaded."""


class Datasets:
    """`client.datasets`: the data sets of a service."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, name: str) -> Dataset:
        """The data set with this name. Raises `NotFound`, with the nearest names."""
        request = datasets_pb2.GetDatasetRequest(name=name)
        return parse_dataset(self._transport.call(self._transport.datasets.GetDataset, request))

    def list(self) -> list[Dataset]:
        """All data sets, by name."""
        request = datasets_pb2.ListDatasetsRequest()
        found = self._transport.call(self._transport.datasets.ListDatasets, request)
        return [parse_dataset(message) for message in found.datasets]

    def upload(
        self,
        name: str,
        source: Any,
        *,
        size: tuple[int, int] | None = None,
        label: str | None = None,
        labels: Sequence[str] | None = None,
        description: str = "",
    ) -> Dataset:
        """Send a data set of your own; `train` can name it then. The same again is the same data set.

        Args:
            name: lower-case letters, digits, `-` and `_`.
            source: a folder, .zip or .tar of class folders that hold pictures or .txt files, below `train/` and `val/` or
                `test/` if you like; a .csv with a header; a .npz with x and y, or x_train, y_train, x_test, y_test; a
                tuple or dict of such arrays.
            size: height and width that pictures are scaled to; by default the size that all have, else 224×224.
            label: the column of a .csv that holds the labels; by default `label` or `target`, else the last.
            labels: names of the classes by index, where the labels are numbers.
            description: a few words on it.

        Raises:
            InvalidArgument: with every faulty file, row or array in `.violations`.
            AlreadyExists: the name has other content.
            ResourceExhausted: a bound of the service was reached.

        """
        requests = uploads.build(name, source, size=size, label=label, labels=labels, description=description)
        return parse_dataset(self._transport.upload(self._transport.datasets.UploadDataset, requests))

    def delete(self, name: str) -> None:
        """Delete an uploaded data set. Raises `NotFound`, and `FailedPrecondition` while unfinished jobs need it."""
        request = datasets_pb2.DeleteDatasetRequest(name=name)
        self._transport.call(self._transport.datasets.DeleteDataset, request)


def parse_dataset(message: datasets_pb2.Dataset) -> Dataset:
    """From the wire."""
    return Dataset(
        message.name,
        message.description,
        message.kind,
        tuple(message.shape),
        tuple(message.labels),
        message.train_samples,
        message.test_samples,
        message.bundled,
        message.digest,
        message.size_bytes,
        message.create_time.ToDatetime(datetime.UTC) if message.HasField("create_time") else None,
    )
