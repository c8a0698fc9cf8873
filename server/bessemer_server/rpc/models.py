"""ModelService."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import grpc

from bessemer.v1 import models_pb2 as pb
from bessemer.v1 import models_pb2_grpc
from bessemer_server.domain import aliases, errors, ports, safetensors
from bessemer_server.domain.models import Model, Origin
from bessemer_server.rpc import convert, model_data
from bessemer_server.rpc.jobs import page_size
from bessemer_server.rpc.model_uploads import ModelUploads
from bessemer_server.serving import references

Context = grpc.aio.ServicerContext[Any, Any]

SAFETENSORS, ONNX = "safetensors", "onnx"


class ModelServicer(models_pb2_grpc.ModelServiceServicer):
    """Tells of published models, hands them out, names and deletes them. `changed` hears of a model with other versions or
    aliases, `forget` of versions that are gone.
    """

    def __init__(
        self,
        store: ports.Store,
        blobs: ports.BlobStore,
        evaluator: ports.Evaluator,
        exporter: ports.Exporter,
        uploads: ModelUploads,
        *,
        changed: Callable[[str], None],
        forget: Callable[[str, int], Awaitable[None]],
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._evaluator = evaluator
        self._exporter = exporter
        self._uploads = uploads
        self._changed = changed
        self._forget = forget

    async def GetModel(self, request: pb.GetModelRequest, context: Context) -> pb.Model:
        """One version."""
        model = await references.find(self._store, request.name, request.version)
        return convert.model_to_wire(model, await self._store.aliases([model.name]))

    async def ListModels(self, request: pb.ListModelsRequest, context: Context) -> pb.ListModelsResponse:
        """A page of models."""
        page = await self._store.list_models(
            request.name, page_size(request.page_size, default=50, maximum=1000), request.page_token
        )
        known = await self._store.aliases({model.name for model in page.items})
        return pb.ListModelsResponse(
            models=[convert.model_to_wire(model, known) for model in page.items],
            next_page_token=page.next_token,
        )

    async def UploadModel(
        self, request_iterator: AsyncIterator[pb.UploadModelRequest], context: Context
    ) -> pb.Model:
        """Publish a file."""
        model = await self._uploads.receive(request_iterator)
        self._changed(model.name)
        return convert.model_to_wire(model, await self._store.aliases([model.name]))

    async def DeleteModel(self, request: pb.DeleteModelRequest, context: Context) -> pb.DeleteModelResponse:
        """One version, or all."""
        version = None
        if request.version:
            version = (await references.find(self._store, request.name, request.version)).version
        gone = await self._store.delete_model(request.name, version)
        self._changed(request.name)
        for number in gone:
            await self._forget(request.name, number)
        return pb.DeleteModelResponse(versions=map(str, gone))

    async def SetModelAlias(self, request: pb.SetModelAliasRequest, context: Context) -> pb.ModelAlias:
        """Make or move."""
        given = request.alias
        alias = aliases.make(given.name, given.alias, _parse_shares(given.shares))
        await self._store.set_alias(alias)
        self._changed(alias.model)
        return convert.alias_to_wire(alias)

    async def DeleteModelAlias(
        self, request: pb.DeleteModelAliasRequest, context: Context
    ) -> pb.DeleteModelAliasResponse:
        """Again is no error."""
        await self._store.delete_alias(request.name, request.alias)
        self._changed(request.name)
        return pb.DeleteModelAliasResponse()

    async def ListModelAliases(
        self, request: pb.ListModelAliasesRequest, context: Context
    ) -> pb.ListModelAliasesResponse:
        """By name."""
        await self._store.get_model(request.name, None)
        found = await self._store.aliases([request.name])
        return pb.ListModelAliasesResponse(aliases=map(convert.alias_to_wire, found))

    async def EvaluateModel(self, request: pb.EvaluateModelRequest, context: Context) -> pb.Evaluation:
        """Measure one version."""
        model = await references.find(self._store, request.name, request.version)
        if not (dataset := request.dataset or model.dataset):
            description = f"is required: {model.name}@{model.version} came from a file that names no data set"
            raise errors.InvalidArgument(violations=[errors.Violation("dataset", description)])
        uploaded = await model_data.find_uploaded(self._store, request.dataset, model)
        content = uploaded.content if uploaded else None
        found = await self._evaluator.evaluate(model, dataset, request.split or "test", content)
        return convert.evaluation_to_wire(found)

    async def ExportModel(
        self, request: pb.ExportModelRequest, context: Context
    ) -> AsyncIterator[pb.ExportModelResponse]:
        """The parts of a file; see `_read_safetensors` and `ports.Exporter`."""
        if request.format not in ("", SAFETENSORS, ONNX):
            description = f"must be {SAFETENSORS} or {ONNX}, but is {request.format!r}"
            raise errors.InvalidArgument(violations=[errors.Violation("format", description)])
        model = await references.find(self._store, request.name, request.version)
        parts = self._exporter.export(model) if request.format == ONNX else self._read_safetensors(model)
        async for data in parts:
            yield pb.ExportModelResponse(data=data)

    async def _read_safetensors(self, model: Model) -> AsyncIterator[bytes]:
        """Weights as they lie in the store: a model of any size takes the memory of one part."""
        metadata = {
            "model": f"{model.name}@{model.version}",
            "definition": json.dumps(model.definition),
            "origin": json.dumps(_describe_origin(model)),
        }
        yield safetensors.header(model.weights.tensors, metadata)
        for digest in model.weights.digests():
            yield await self._blobs.get(digest)


def _describe_origin(model: Model) -> dict[str, Any]:
    origin = Origin(
        model.architecture,
        model.dataset,
        model.dataset_digest,
        {name: value for name, value in model.metrics.items() if math.isfinite(value)},
        model.effective_spec,
    )
    return dataclasses.asdict(origin)


def _parse_shares(given: Mapping[str, int]) -> dict[int, int]:
    shares: dict[int, int] = {}
    for version, share in given.items():
        number = references.parse(version)
        if not isinstance(number, int):
            raise _refuse_shares(
                f"names no version: {version[:40]!r}; an alias names versions by their numbers, from 1"
            )
        if number in shares:  # as 1 and 01
            raise _refuse_shares(f"names version {number} twice")
        shares[number] = share
    return shares


def _refuse_shares(description: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(violations=[errors.Violation("shares", description)])
