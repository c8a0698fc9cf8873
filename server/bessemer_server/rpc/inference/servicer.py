"""The Open Inference Protocol, served under its standard name."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib.metadata
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

import grpc
from google.protobuf import message_factory

from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.domain import errors
from bessemer_server.domain.models import Model
from bessemer_server.rpc import guarding, traffic
from bessemer_server.rpc.inference import descriptions, forms, frugal, messages, sharing, streams
from bessemer_server.serving import parameters, pictures, preparing, requests, statistics
from bessemer_server.serving.fleet import Fleet
from bessemer_server.serving.repository import Repository

Context = grpc.aio.ServicerContext[Any, Any]
T = TypeVar("T")
ASIDE_BYTES = 64 << 10
"""Of an answer from which on it is made in a thread of its own: to rank so many scores takes some milliseconds."""

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


class InferenceServicer:
    """GRPCInferenceService. `is_ready` is lowered before the server drains."""

    def __init__(
        self,
        repository: Repository,
        fleet: Fleet,
        calls: traffic.Traffic,
        shared: sharing.Tensors = sharing.NOT_OFFERED,
    ) -> None:
        self._repository = repository
        self._fleet = fleet
        self._calls = calls
        self._shared = shared
        self._forms = forms.Forms()
        self._preparing = preparing.Preparing()
        self.is_ready = True

    def find(self, method: str) -> Any:
        """What serves a method; None for those that are not offered."""
        return getattr(self._shared.servicer if method in sharing.METHODS else self, method, None)

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
        return await self.infer(request, context.time_remaining())

    async def infer_bytes(self, data: bytes | memoryview, timeout_s: float | None) -> bytes:
        """The same from a ModelInferRequest to a ModelInferResponse as they are on the wire."""
        form = self._forms.find(data)
        if form is None:
            asked = guarding.decode(frugal.decode, data)
            response = await self.infer(asked, timeout_s)
            self._forms.learn(data, asked)
            return response.SerializeToString()
        accepted = self._calls.begin(form.message.model_name)
        try:
            return await self._predict_known(form, data, timeout_s)
        finally:
            self._calls.end(accepted)

    async def _predict_known(
        self, form: forms.Form, data: bytes | memoryview, timeout_s: float | None
    ) -> bytes:
        begun_ns = time.perf_counter_ns()
        message = form.message
        model = await self._repository.get(message.model_name, message.model_version, form.routing_key)
        try:
            self._fleet.check_queue(model, timeout_s, form.wishes)
            inputs = form.check(data, model)
            outputs = await self._run(model, inputs, timeout_s, form.wishes, begun_ns)
            return form.answer(model, outputs)
        except BaseException:
            self._count_failure(model, begun_ns)
            raise

    async def _run(
        self,
        model: Model,
        inputs: pictures.Tensors,
        timeout_s: float | None,
        wishes: parameters.Parameters,
        begun_ns: int,
    ) -> pictures.Tensors:
        """Outputs for sound inputs, be they pictures in another form."""
        if not pictures.are_fit(inputs, model):
            inputs = await self._preparing.do(
                functools.partial(pictures.fit, inputs, model),
                model=model.key,
                rows=next(iter(inputs.values())).rows,
                patience_s=wishes.patience_s(timeout_s),
                priority=wishes.priority,
            )
            if timeout_s is not None:
                timeout_s -= (time.perf_counter_ns() - begun_ns) / 1e9
        return await self._fleet.predict(model, inputs, timeout_s, wishes, begun_ns)

    def _count_failure(self, model: Model, begun_ns: int) -> None:
        self._fleet.statistics.record_failure(model.key, time.perf_counter_ns() - begun_ns)

    async def infer(self, asked: frugal.Decoded, timeout_s: float | None) -> pb.ModelInferResponse:
        """The same for whoever knows how many seconds are left, or None for any number."""
        accepted = self._calls.begin(asked.message.model_name)
        try:
            return await self._predict(asked, timeout_s)
        finally:
            self._calls.end(accepted)

    async def _predict(self, asked: frugal.Decoded, timeout_s: float | None) -> pb.ModelInferResponse:
        begun_ns = time.perf_counter_ns()
        request = asked.message
        routing_key = messages.read_routing_key(request)
        model = await self._repository.get(request.model_name, request.model_version, routing_key)
        try:
            return await self._predict_with(model, asked, timeout_s, begun_ns)
        except BaseException:  # who gave up has no answer either
            self._count_failure(model, begun_ns)
            raise

    async def _predict_with(
        self, model: Model, asked: frugal.Decoded, timeout_s: float | None, begun_ns: int
    ) -> pb.ModelInferResponse:
        request = asked.message
        wishes = parameters.parse(messages.read_parameters(request.parameters))
        self._fleet.check_queue(model, timeout_s, wishes)
        classes = messages.read_classes(request, model)
        spans = self._shared.find(request)
        with self._shared.hold(spans):
            given = messages.parse(asked, await sharing.read(spans.inputs))
            inputs = requests.check(given, model)
            outputs = await self._run(model, inputs, timeout_s, wishes, begun_ns)
        names = messages.names(request, model)
        size = messages.check_size(names, outputs, classes)
        chosen = await _aside(size, functools.partial(messages.choose, names, model, outputs, classes))
        await sharing.write(spans.outputs, request, chosen)
        return await _aside(size, functools.partial(messages.answer, asked, model, chosen, spans.outputs))

    async def ModelStreamInfer(
        self, request_iterator: AsyncIterator[frugal.Decoded], context: Context
    ) -> AsyncIterator[pb.ModelStreamInferResponse]:
        """As many predictions as the client sends."""
        metadata = {str(key): value for key, value in context.invocation_metadata() or ()}
        is_strict = metadata.get("triton_grpc_error") == "true"
        answers = streams.answer_each(
            request_iterator,
            lambda request: self.infer(request, context.time_remaining()),
            is_strict=is_strict,
        )
        async with contextlib.aclosing(answers):
            async for answer in answers:
                yield answer

    async def RepositoryIndex(
        self, request: pb.RepositoryIndexRequest, context: Context
    ) -> pb.RepositoryIndexResponse:
        """What there is, and whether it is loaded."""
        check_repository(request.repository_name)
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
        check_repository(request.repository_name)
        if request.parameters:
            raise errors.InvalidArgument(
                f"unrecognized load parameter '{min(request.parameters)}': models come from jobs (JobService.CreateJob), not "
                "from requests"
            )
        self._repository.set_unloaded(request.model_name, False)
        await self._fleet.ready(await self._repository.get(request.model_name, ""))
        return pb.RepositoryModelLoadResponse()

    async def RepositoryModelUnload(
        self, request: pb.RepositoryModelUnloadRequest, context: Context
    ) -> pb.RepositoryModelUnloadResponse:
        """Give the memory back."""
        check_repository(request.repository_name)
        if unknown := set(request.parameters) - {"unload_dependents"}:
            raise errors.InvalidArgument(f"unrecognized unload parameter '{min(unknown)}'")
        name = request.model_name
        self._repository.set_unloaded(name, True)  # at once: who loads it from here on has the last word
        there = False
        try:
            there = await self._repository.has(name)
        finally:
            if not there:
                self._repository.set_unloaded(name, False)
        if there:
            await self._calls.wait_for(name)  # it would be loaded again for what was accepted before
            if self._repository.is_unloaded(name):
                await self._fleet.unload(name)
        return pb.RepositoryModelUnloadResponse()


async def _aside(size_bytes: int, work: Callable[[], T]) -> T:
    """Make an answer of so many bytes: a large one takes too long for others to wait."""
    return await asyncio.to_thread(work) if size_bytes > ASIDE_BYTES else work()


def check_repository(name: str) -> None:
    """Raise `InvalidArgument` for a repository by name: there is one."""
    if name:
        raise errors.InvalidArgument(f"there is one repository, without a name, but '{name}' was asked for")


def register(server: guarding.GuardedServer, servicer: InferenceServicer) -> None:
    """Serve under the protocol's name: generated code would use the name of our own package."""
    methods = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods
    handlers = {
        method.name: _make_handler(method.client_streaming)(
            behavior,
            request_deserializer=_choose_decoder(message_factory.GetMessageClass(method.input_type)),
            response_serializer=message_factory.GetMessageClass(method.output_type).SerializeToString,
        )
        for method in methods
        if (behavior := servicer.find(method.name))
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))


def _choose_decoder(message: Any) -> Any:
    return frugal.decode if message is pb.ModelInferRequest else message.FromString


def _make_handler(is_streaming: bool) -> Any:
    return grpc.stream_stream_rpc_method_handler if is_streaming else grpc.unary_unary_rpc_method_handler
