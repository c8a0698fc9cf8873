"""The Open Inference Protocol, served under its standard name."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf import message_factory

from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.domain import errors
from bessemer_server.executors import memory
from bessemer_server.rpc import guarding
from bessemer_server.rpc.inference import descriptions, frugal, inferring, loading, rooms, sharing, streams
from bessemer_server.serving import statistics
from bessemer_server.serving.fleet import Fleet
from bessemer_server.serving.repository import Repository

Context = grpc.aio.ServicerContext[Any, Any]

SERVICE = "inference.GRPCInferenceService"
EXTENSIONS = (
    "binary_tensor_data",
    "classification",
    "model_configuration",
    "model_repository",
    "model_repository(unload_dependents)",
    "parameters",
    "schedule_policy",
    "statistics",
)
"""By their names in Triton: clients ask before they use one."""
STREAMS_SHARE = 8
"""Requests of all streams that are under way take at most this part of the memory, an nth, and those that wait for them as much."""


class InferenceServicer:
    """GRPCInferenceService. `is_ready` is lowered before the server drains, `over` ends streams: see `traffic.Traffic`."""

    def __init__(
        self,
        repository: Repository,
        fleet: Fleet,
        predictions: inferring.Inferring,
        loads: loading.RepositoryServicer,
        shared: sharing.Tensors = sharing.NOT_OFFERED,
        *,
        over: asyncio.Event,
    ) -> None:
        self._repository = repository
        self._fleet = fleet
        self._predictions = predictions
        self._loads = loads
        self._over = over
        self._shared = shared
        self._streamed = rooms.Budget(memory.available_bytes() // STREAMS_SHARE)
        self.is_ready = True

    def find(self, method: str) -> Any:
        """What serves a method; None for those that are not offered."""
        parts = (self, self._loads, self._shared.servicer)
        return next((found for part in parts if (found := getattr(part, method, None))), None)

    async def ServerLive(self, request: pb.ServerLiveRequest, context: Context) -> pb.ServerLiveResponse:
        """It answers, so it lives."""
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, request: pb.ServerReadyRequest, context: Context) -> pb.ServerReadyResponse:
        """Whether predictions are taken."""
        return pb.ServerReadyResponse(ready=self.is_ready)

    async def ServerMetadata(
        self, request: pb.ServerMetadataRequest, context: Context
    ) -> pb.ServerMetadataResponse:
        """Name, version, extensions."""
        version = importlib.metadata.version("bessemer")
        return pb.ServerMetadataResponse(
            name="bessemer", version=version, extensions=(*EXTENSIONS, *self._shared.extensions)
        )

    async def ModelReady(self, request: pb.ModelReadyRequest, context: Context) -> pb.ModelReadyResponse:
        """Load and warm the model, then say so; no model is ready on a server that is about to stop."""
        if not self.is_ready:
            return pb.ModelReadyResponse(ready=False)
        try:
            model = await self._repository.get(request.name, request.version)
        except errors.NotFound:
            return pb.ModelReadyResponse(ready=False)
        await self._fleet.ready(model)
        return pb.ModelReadyResponse(ready=True)

    async def ModelMetadata(
        self, request: pb.ModelMetadataRequest, context: Context
    ) -> pb.ModelMetadataResponse:
        """Versions and signature."""
        model = await self._repository.get(request.name, request.version)
        versions = [model.version] if request.version else await self._repository.versions(request.name)
        return descriptions.metadata(model, versions, self._fleet.describe(model))

    async def ModelConfig(self, request: pb.ModelConfigRequest, context: Context) -> pb.ModelConfigResponse:
        """The signature, for Triton's tools."""
        model = await self._repository.get(request.name, request.version)
        return pb.ModelConfigResponse(config=descriptions.configuration(model, self._fleet.describe(model)))

    async def ModelStatistics(
        self, request: pb.ModelStatisticsRequest, context: Context
    ) -> pb.ModelStatisticsResponse:
        """Of the versions that are asked for, or of all that were ever asked."""
        counted = self._fleet.statistics
        keys = counted.models() if not request.name else await self._find(request.name, request.version)
        return pb.ModelStatisticsResponse(
            model_stats=[descriptions.describe_statistics(key, counted.of(key)) for key in keys]
        )

    async def _find(self, name: str, version_text: str) -> list[statistics.Key]:
        """The versions of a model; the protocol has its own error for one that is not there."""
        versions = await self._repository.versions(name)
        if not versions:
            raise errors.InvalidArgument(f"requested model '{name}' is not available")
        if not version_text:
            return [(name, each) for each in versions]
        try:
            model = await self._repository.get(name, version_text)
        except errors.NotFound as error:
            raise errors.InvalidArgument(
                f"requested model version is not available for model '{name}': its versions are {versions}"
            ) from error
        return [(name, model.version)]

    async def ModelInfer(self, request: frugal.Decoded, context: Context) -> pb.ModelInferResponse:
        """Check, predict, answer."""
        return await self._predictions.infer(request, context.time_remaining())

    async def ModelStreamInfer(
        self, request_iterator: AsyncIterator[streams.Sent], context: Context
    ) -> AsyncIterator[pb.ModelStreamInferResponse]:
        """As many predictions as the client sends."""
        metadata = {str(key): value for key, value in context.invocation_metadata() or ()}
        is_strict = metadata.get("triton_grpc_error") == "true"
        answers = streams.answer_each(
            request_iterator,
            lambda request: self._predictions.infer(request, context.time_remaining()),
            rooms.Room(self._streamed),
            over=self._over,
            is_strict=is_strict,
        )
        async with contextlib.aclosing(answers):
            async for answer in answers:
                yield answer


def register(server: guarding.GuardedServer, servicer: InferenceServicer) -> None:
    """Serve under the protocol's name: generated code would use the name of our own package."""
    methods = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods
    handlers = {
        method.name: _make_handler(method.client_streaming)(
            behavior,
            request_deserializer=_choose_decoder(method),
            response_serializer=message_factory.GetMessageClass(method.output_type).SerializeToString,
        )
        for method in methods
        if (behavior := servicer.find(method.name))
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))


def _choose_decoder(method: Any) -> Any:
    message = message_factory.GetMessageClass(method.input_type)
    if message is not pb.ModelInferRequest:
        return message.FromString
    return streams.decode if method.client_streaming else frugal.decode


def _make_handler(is_streaming: bool) -> Any:
    return grpc.stream_stream_rpc_method_handler if is_streaming else grpc.unary_unary_rpc_method_handler
