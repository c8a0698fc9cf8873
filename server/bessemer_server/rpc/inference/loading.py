"""Which models are loaded, and loading and unloading them: the repository calls of the protocol."""

from __future__ import annotations

from typing import Any

import grpc

from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.domain import errors
from bessemer_server.rpc import traffic
from bessemer_server.serving import statistics
from bessemer_server.serving.fleet import Fleet
from bessemer_server.serving.repository import Repository

Context = grpc.aio.ServicerContext[Any, Any]


class RepositoryServicer:
    """RepositoryIndex, RepositoryModelLoad, RepositoryModelUnload."""

    def __init__(self, repository: Repository, fleet: Fleet, calls: traffic.Traffic) -> None:
        self._repository = repository
        self._fleet = fleet
        self._calls = calls

    async def RepositoryIndex(
        self, request: pb.RepositoryIndexRequest, context: Context
    ) -> pb.RepositoryIndexResponse:
        """What there is, and whether it is loaded."""
        _check_repository(request.repository_name)
        loaded = set(self._fleet.loaded())
        newest = {(model.name, model.version) for model in await self._repository.newest()}
        return pb.RepositoryIndexResponse(
            models=[
                self._index(key, key in loaded)
                for key in sorted(newest | loaded)
                if key in loaded or not request.ready
            ]
        )

    def _index(self, key: statistics.Key, is_loaded: bool) -> pb.RepositoryIndexResponse.ModelIndex:
        name, version = key
        reason = (
            "unloaded" if self._repository.is_unloaded(name) else "not loaded; the first request loads it"
        )
        return pb.RepositoryIndexResponse.ModelIndex(
            name=name,
            version=str(version),
            state="READY" if is_loaded else "UNAVAILABLE",
            reason="" if is_loaded else reason,
        )

    async def RepositoryModelLoad(
        self, request: pb.RepositoryModelLoadRequest, context: Context
    ) -> pb.RepositoryModelLoadResponse:
        """Load and warm, and take back an unload."""
        _check_repository(request.repository_name)
        if request.parameters:
            raise errors.InvalidArgument(
                f"unrecognized load parameter '{min(request.parameters)}': models come from jobs (JobService.CreateJob), not "
                "from requests"
            )
        self._repository.load(request.model_name)
        await self._fleet.ready(await self._repository.get(request.model_name, ""))
        return pb.RepositoryModelLoadResponse()

    async def RepositoryModelUnload(
        self, request: pb.RepositoryModelUnloadRequest, context: Context
    ) -> pb.RepositoryModelUnloadResponse:
        """Give the memory back."""
        _check_repository(request.repository_name)
        if unknown := set(request.parameters) - {"unload_dependents"}:
            raise errors.InvalidArgument(f"unrecognized unload parameter '{min(unknown)}'")
        name = request.model_name
        unload = self._repository.unload(name)  # at once: who loads it from here on has the last word
        try:
            is_there = await self._repository.has(name)
        except BaseException:  # it may have been given up too
            self._repository.take_back(unload)
            raise
        if not is_there:
            self._repository.load(name)
        else:
            self._repository.confirm(unload)
            await self._calls.wait_for(name)  # it would be loaded again for what was accepted before
            if self._repository.is_unloaded(name):
                await self._fleet.unload(name)
        return pb.RepositoryModelUnloadResponse()

    async def forget(self, name: str, version: int) -> None:
        """A version was deleted: give its memory back. Of a model that has no version nothing is kept, nor that it was unloaded: the next
        one of this name is another.
        """
        await self._fleet.unload(name, version)
        if self._repository.is_unloaded(name) and not await self._repository.has(name):
            self._repository.load(name)


def _check_repository(name: str) -> None:
    """Raise `InvalidArgument` for a repository by name: there is one."""
    if name:
        raise errors.InvalidArgument(f"there is one repository, without a name, but '{name}' was asked for")
