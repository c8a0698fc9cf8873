"""ModelService."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import grpc

from bessemer.v1 import models_pb2 as pb
from bessemer.v1 import models_pb2_grpc
from bessemer_server.domain import errors, ports, safetensors
from bessemer_server.domain.datasets import Content
from bessemer_server.domain.models import Model
from bessemer_server.rpc import convert
from bessemer_server.rpc.jobs import page_size
from bessemer_server.serving import repository

Context = grpc.aio.ServicerContext[Any, Any]

SAFETENSORS, ONNX = "safetensors", "onnx"


class ModelServicer(models_pb2_grpc.ModelServiceServicer):
    """Tells of published models, and hands them out."""

    def __init__(
        self,
        store: ports.Store,
        blobs: ports.BlobStore,
        evaluator: ports.Evaluator,
        exporter: ports.Exporter,
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._evaluator = evaluator
        self._exporter = exporter

    async def GetModel(self, request: pb.GetModelRequest, context: Context) -> pb.Model:
        """One version."""
        version = repository.parse_version(request.version)
        return convert.model_to_wire(await self._store.get_model(request.name, version))

    async def ListModels(self, request: pb.ListModelsRequest, context: Context) -> pb.ListModelsResponse:
        """A page of models."""
        page = await self._store.list_models(
            request.name, page_size(request.page_size, default=50, maximum=1000), request.page_token
        )
        return pb.ListModelsResponse(
            models=[convert.model_to_wire(model) for model in page.items], next_page_token=page.next_token
        )

    async def EvaluateModel(self, request: pb.EvaluateModelRequest, context: Context) -> pb.Evaluation:
        """Measure one version."""
        model = await self._store.get_model(request.name, repository.parse_version(request.version))
        dataset = request.dataset or model.dataset
        uploaded = await self._find_uploaded(request.dataset, model)
        found = await self._evaluator.evaluate(model, dataset, request.split or "test", uploaded)
        return convert.evaluation_to_wire(found)

    async def ExportModel(
        self, request: pb.ExportModelRequest, context: Context
    ) -> AsyncIterator[pb.ExportModelResponse]:
        """The parts of a file; see `_read_safetensors` and `ports.Exporter`."""
        if request.format not in ("", SAFETENSORS, ONNX):
            description = f"must be {SAFETENSORS} or {ONNX}, but is {request.format!r}"
            raise errors.InvalidArgument(violations=[errors.Violation("format", description)])
        model = await self._store.get_model(request.name, repository.parse_version(request.version))
        parts = self._exporter.export(model) if request.format == ONNX else self._read_safetensors(model)
        async for data in parts:
            yield pb.ExportModelResponse(data=data)

    async def _read_safetensors(self, model: Model) -> AsyncIterator[bytes]:
        """Weights as they lie in the store: a model of any size takes the memory of one part."""
        metadata = {"model": f"{model.name}@{model.version}", "definition": json.dumps(model.definition)}
        yield safetensors.header(model.weights.tensors, metadata)
        for digest in model.weights.digests():
            yield await self._blobs.get(digest)

    async def _find_uploaded(self, dataset: str, model: Model) -> Content | None:
        """The uploaded data set of that name or, without one, the very content that the model was trained on."""
        if dataset:
            named = await self._store.find_dataset(name=dataset)
            return named.content if named else None
        found = await self._store.find_dataset(digest=model.dataset_digest)
        if model.dataset_digest and found is None:
            raise errors.FailedPrecondition(
                f"the data set {model.dataset!r} that this model was trained on was deleted; name another one with "
                "the same classes",
                reason="DATASET_GONE",
            )
        return found.content if found else None
