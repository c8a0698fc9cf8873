"""The Open Inference Protocol, served under its standard name."""

from __future__ import annotations

import importlib.metadata
from typing import Any

import grpc
from google.protobuf import message_factory

from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.domain import errors
from bessemer_server.domain.models import TensorSpec
from bessemer_server.serving import requests
from bessemer_server.serving.dispatcher import Dispatcher
from bessemer_server.serving.repository import Repository, parse_version

Context = grpc.aio.ServicerContext[Any, Any]

SERVICE = "inference.GRPCInferenceService"
PLATFORM = "bessemer_torch"
EXTENSIONS = ("binary_tensor_data",)


class InferenceServicer:
    """GRPCInferenceService. `is_ready` is lowered before the server drains."""

    def __init__(self, repository: Repository, dispatcher: Dispatcher) -> None:
        self._repository = repository
        self._dispatcher = dispatcher
        self.is_ready = True

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
        return pb.ServerMetadataResponse(name="bessemer", version=version, extensions=EXTENSIONS)

    async def ModelReady(self, request: pb.ModelReadyRequest, context: Context) -> pb.ModelReadyResponse:
        """Load and warm the model, then say so."""
        try:
            model = await self._repository.get(request.name, request.version)
        except errors.NotFound:
            return pb.ModelReadyResponse(ready=False)
        await self._dispatcher.ready(model)
        return pb.ModelReadyResponse(ready=True)

    async def ModelMetadata(
        self, request: pb.ModelMetadataRequest, context: Context
    ) -> pb.ModelMetadataResponse:
        """Versions and signature."""
        model = await self._repository.get(request.name, request.version)
        asked = parse_version(request.version)
        versions = [asked] if asked else await self._repository.versions(request.name)
        return pb.ModelMetadataResponse(
            name=model.name,
            versions=[str(version) for version in versions],
            platform=PLATFORM,
            inputs=[_tensor_metadata(spec) for spec in model.inputs],
            outputs=[_tensor_metadata(spec) for spec in model.outputs],
            properties={
                "architecture": model.architecture,
                "dataset": model.dataset,
                "job_id": model.job_id,
                "labels": ",".join(model.labels),
                **self._dispatcher.describe(model),
            },
        )

    async def ModelInfer(self, request: pb.ModelInferRequest, context: Context) -> pb.ModelInferResponse:
        """Check, predict, answer raw."""
        model = await self._repository.get(request.model_name, request.model_version)
        parsed = _parse(request)
        inputs = requests.check(parsed, model)
        outputs = await self._dispatcher.predict(model, inputs, context.time_remaining())
        response = pb.ModelInferResponse(
            model_name=model.name, model_version=str(model.version), id=request.id
        )
        for name in parsed.outputs or [spec.name for spec in model.outputs]:
            tensor = outputs[name]
            response.outputs.add(name=name, datatype=tensor.datatype, shape=tensor.shape)
            response.raw_output_contents.append(bytes(tensor.data))
        return response


def register(server: grpc.aio.Server, servicer: InferenceServicer) -> None:
    """Serve under the protocol's name: generated code would use the name of our own package."""
    methods = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods
    handlers = {
        method.name: grpc.unary_unary_rpc_method_handler(
            getattr(servicer, method.name),
            request_deserializer=message_factory.GetMessageClass(method.input_type).FromString,
            response_serializer=message_factory.GetMessageClass(method.output_type).SerializeToString,
        )
        for method in methods
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))


def _parse(request: pb.ModelInferRequest) -> requests.Request:
    raw = request.raw_input_contents
    inputs = [
        requests.Input(
            name=tensor.name,
            datatype=tensor.datatype,
            shape=tuple(tensor.shape),
            raw=raw[i] if i < len(raw) else None,
            typed={field.name: values for field, values in tensor.contents.ListFields()},
        )
        for i, tensor in enumerate(request.inputs)
    ]
    return requests.Request(inputs, [output.name for output in request.outputs], len(raw))


def _tensor_metadata(spec: TensorSpec) -> pb.ModelMetadataResponse.TensorMetadata:
    return pb.ModelMetadataResponse.TensorMetadata(name=spec.name, datatype=spec.datatype, shape=spec.shape)
