"""DatasetService: what jobs can be trained on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc

from bessemer.v1 import datasets_pb2 as pb
from bessemer.v1 import datasets_pb2_grpc
from bessemer_server.domain import errors, failpoints, ports
from bessemer_server.domain.datasets import Content, Dataset, Upload
from bessemer_server.rpc import convert, keeping, spooling, upload_headers
from bessemer_server.scheduling.collector import Collector
from bessemer_server.scheduling.loop import utc_now

Context = grpc.aio.ServicerContext[Any, Any]


class DatasetServicer(datasets_pb2_grpc.DatasetServiceServicer):
    """Tells which data sets there are, and takes those of users."""

    def __init__(
        self,
        store: ports.Store,
        blobs: ports.BlobStore,
        planner: ports.Planner,
        ingester: ports.Ingester,
        room: spooling.Room,
        *,
        collector: Collector,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._planner = planner
        self._ingester = ingester
        self._room = room
        self._collector = collector

    async def GetDataset(self, request: pb.GetDatasetRequest, context: Context) -> pb.Dataset:
        """One data set."""
        found = await self._list()
        if request.name not in found:
            raise errors.NotFound(f"no data set {request.name!r}; {errors.suggest(request.name, found)}")
        return found[request.name]

    async def ListDatasets(
        self, request: pb.ListDatasetsRequest, context: Context
    ) -> pb.ListDatasetsResponse:
        """All data sets, by name."""
        found = await self._list()
        return pb.ListDatasetsResponse(datasets=[found[name] for name in sorted(found)])

    async def _list(self) -> dict[str, pb.Dataset]:
        bundled = (await self._planner.catalog()).datasets
        uploaded = await self._store.list_datasets()
        return {
            **{info.name: convert.dataset_to_wire(info) for info in bundled},
            **{dataset.name: convert.uploaded_to_wire(dataset) for dataset in uploaded},
        }

    async def UploadDataset(
        self, request_iterator: AsyncIterator[pb.UploadDatasetRequest], context: Context
    ) -> pb.Dataset:
        """Spool, check in another process, store, make visible."""
        heard = spooling.Heard(request_iterator)
        header = await upload_headers.read(heard)  # before it takes a place
        upload_headers.check(header, {info.name for info in (await self._planner.catalog()).datasets})
        async with spooling.Spool(self._room) as spool:
            async for request in heard:
                chunk = upload_headers.chunk_of(request)
                await spool.add(chunk.path, chunk.data)
            await spool.finish()
            failpoints.hit("upload.spooled")
            content = await self._ingester.ingest(_describe(header, spool))
            failpoints.hit("upload.checked")
            return convert.uploaded_to_wire(await self._keep(content, spool))

    async def _keep(self, content: Content, spool: spooling.Spool) -> Dataset:
        """Make it visible. What is there already, or is refused, stores nothing."""
        is_new = await self._store.find_dataset(name=content.name) is None
        async with keeping.stored(self._store, self._blobs, spool, content.tensors if is_new else ()):
            return await self._store.create_dataset(content, utc_now())

    async def DeleteDataset(
        self, request: pb.DeleteDatasetRequest, context: Context
    ) -> pb.DeleteDatasetResponse:
        """Forget an uploaded data set."""
        uploaded = await self._store.find_dataset(name=request.name)
        found = await self._list()
        if uploaded is None and request.name in found:
            raise errors.FailedPrecondition(
                f"the data set {request.name!r} comes with the service; only uploaded ones can be deleted",
                reason="DATASET_BUNDLED",
            )
        if uploaded is None:
            raise errors.NotFound(f"no data set {request.name!r}; {errors.suggest(request.name, found)}")
        await self._store.delete_dataset(request.name)
        self._collector.wake()
        return pb.DeleteDatasetResponse()


def _describe(header: pb.UploadHeader, spool: spooling.Spool) -> Upload:
    return Upload(
        header.name,
        pb.UploadHeader.Format.Name(header.format),
        upload_headers.options_of(header),
        spool.input,
        spool.files,
        spool.output,
    )
