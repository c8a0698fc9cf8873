"""Data sets that jobs can name."""

from __future__ import annotations

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
