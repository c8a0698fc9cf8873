"""Data sets that jobs can name."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from bessemer import uploads
from bessemer.aio.transport import Transport
from bessemer.datasets import Dataset, parse_dataset
from bessemer.v1 import datasets_pb2


class Datasets:
    """`client.datasets`: the data sets of a service."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def get(self, name: str) -> Dataset:
        """The data set with this name. Raises `NotFound`, with the nearest names."""
        request = datasets_pb2.GetDatasetRequest(name=name)
        return parse_dataset(await self._transport.call(self._transport.datasets.GetDataset, request))

    async def list(self) -> list[Dataset]:
        """All data sets, by name."""
        request = datasets_pb2.ListDatasetsRequest()
        found = await self._transport.call(self._transport.datasets.ListDatasets, request)
        return [parse_dataset(message) for message in found.datasets]

    async def upload(
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
        requests = await asyncio.to_thread(
            uploads.build, name, source, size=size, label=label, labels=labels, description=description
        )
        return parse_dataset(await self._transport.upload(self._transport.datasets.UploadDataset, requests))

    async def delete(self, name: str) -> None:
        """Delete an uploaded data set. Raises `NotFound`, and `FailedPrecondition` while unfinished jobs need it."""
        request = datasets_pb2.DeleteDatasetRequest(name=name)
        await self._transport.call(self._transport.datasets.DeleteDataset, request)
