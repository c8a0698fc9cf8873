"""Models that come as files: spooled, looked into by another process, and published."""

from __future__ import annotations

from collections.abc import AsyncIterator

from google.protobuf import message

from bessemer.v1 import models_pb2 as pb
from bessemer_server.domain import errors, ports
from bessemer_server.domain.models import Model
from bessemer_server.rpc import convert, keeping, spooling
from bessemer_server.rpc.submitting import NAME
from bessemer_server.scheduling.loop import utc_now
from bessemer_server.serving import references
from bessemer_server.stores import model_rules


class ModelUploads:
    """Takes files of weights."""

    def __init__(
        self,
        store: ports.Store,
        blobs: ports.BlobStore,
        importer: ports.Importer,
        room: spooling.Room,
        *,
        silence_s: float = spooling.SILENCE_S,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._importer = importer
        self._room = room
        self._silence_s = silence_s

    async def receive(self, requests: AsyncIterator[pb.UploadModelRequest]) -> Model:
        """What the file was published as. Raises `InvalidArgument`, `NotFound`, `ResourceExhausted`, `Unavailable`, and
        `DeadlineExceeded` where the stream falls silent.
        """
        heard = spooling.Heard(requests, self._silence_s)
        header = await _read_header(heard)  # before it takes a place
        like = await self._find(header.like)
        async with spooling.Spool(self._room) as spool:
            await _spool(heard, spool)
            publication, origin = await self._importer.read(spool.input, spool.output, like)
            _check_tellable(model_rules.import_model(header.name, publication, origin, 1, utc_now()))
            async with keeping.stored(self._store, self._blobs, spool, publication.weights.tensors):
                return await self._store.import_model(header.name, publication, origin, utc_now())

    async def _find(self, reference: str) -> Model | None:
        if not reference:
            return None
        name, _, version = reference.partition("@")
        return await references.find(self._store, name, version)


async def _read_header(requests: AsyncIterator[pb.UploadModelRequest]) -> pb.ModelUploadHeader:
    async for request in requests:
        if request.WhichOneof("part") != "header":
            break
        if NAME.fullmatch(request.header.name):
            return request.header
        raise _refuse(
            "name",
            "must start with a lower-case letter or a digit and hold only those, '-', '_' and '.', at most 63 characters, "
            f"but is {request.header.name[:100]!r}",
        )
    raise _refuse("header", "an upload begins with its header")


async def _spool(requests: AsyncIterator[pb.UploadModelRequest], spool: spooling.Spool) -> None:
    path = "file"
    async for request in requests:
        if request.WhichOneof("part") != "data":
            raise _refuse("data", "after the header come bytes of the file alone")
        await spool.add(path, request.data)
        path = ""
    if path:
        raise _refuse("file", "is empty; a .safetensors file has a header at least")
    await spool.finish()


def _check_tellable(model: Model) -> None:
    """A model that cannot be made a message would fail every listing that it is in."""
    try:
        told = pb.ListModelsResponse(models=[convert.model_to_wire(model, ())])
        pb.ListModelsResponse.FromString(told.SerializeToString())  # what is nested too deep is not read
    except (ValueError, TypeError, KeyError, AttributeError, message.Error) as error:
        raise _refuse("file", f"says of itself what no message can hold: {str(error)[:200]}") from error


def _refuse(field: str, description: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(violations=[errors.Violation(field, description)])
