"""Data sets that jobs can name."""

from __future__ import annotations

import dataclasses

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
    """False when the first use downloads it."""


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
    )
