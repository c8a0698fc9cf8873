"""Tensors that lie in shared memory, instead of in messages; and the calls by which clients name such memory."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import grpc

from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.domain import errors, processors, tensors
from bessemer_server.rpc.inference import messages
from bessemer_server.serving import places, regions

T = TypeVar("T")
Context = grpc.aio.ServicerContext[Any, Any]

EXTENSION = "system_shared_memory"
METHODS = ("SystemSharedMemoryStatus", "SystemSharedMemoryRegister", "SystemSharedMemoryUnregister")
MAX_REQUEST_BYTES = 256 << 20
"""Of the inputs of one request together, as much as a message may have."""
MAX_HELD_BYTES = 1 << 30
"""Of all requests that are under way. A hundred bytes of a message can ask for as many copies as a client likes."""
BLOCKING_BYTES = 1 << 20
"""What takes longer to copy than it takes to give the copying to a thread."""
_threads = concurrent.futures.ThreadPoolExecutor(processors.count(), thread_name_prefix="sharing")


@dataclasses.dataclass(frozen=True, slots=True)
class Spans:
    """Where the tensors of one request lie, by their position in the message; none of those that are in it."""

    inputs: Mapping[int, regions.Span]
    outputs: Mapping[int, regions.Span]

    @property
    def input_bytes(self) -> int:
        """Of all inputs together."""
        return sum(span.byte_size for span in self.inputs.values())


NONE = Spans(messages.NOTHING, messages.NOTHING)


class RegionServicer:
    """The calls of the protocol about regions."""

    def __init__(self, registry: regions.Registry) -> None:
        self._registry = registry

    async def SystemSharedMemoryStatus(
        self, request: pb.SystemSharedMemoryStatusRequest, context: Context
    ) -> pb.SystemSharedMemoryStatusResponse:
        """One region, or all."""
        response = pb.SystemSharedMemoryStatusResponse()
        for region in self._registry.list_regions(request.name):
            status = response.regions[region.name]
            status.name, status.key = region.name, region.key
            status.offset, status.byte_size = region.offset, region.byte_size
        return response

    async def SystemSharedMemoryRegister(
        self, request: pb.SystemSharedMemoryRegisterRequest, context: Context
    ) -> pb.SystemSharedMemoryRegisterResponse:
        """Name a part of an object."""
        self._registry.register(request.name, request.key, request.offset, request.byte_size)
        return pb.SystemSharedMemoryRegisterResponse()

    async def SystemSharedMemoryUnregister(
        self, request: pb.SystemSharedMemoryUnregisterRequest, context: Context
    ) -> pb.SystemSharedMemoryUnregisterResponse:
        """Forget one region, or all."""
        self._registry.unregister(request.name)
        return pb.SystemSharedMemoryUnregisterResponse()


class Tensors:
    """Finds the memory that requests name. Without a registry, all that do are refused."""

    def __init__(self, registry: regions.Registry | None) -> None:
        self._registry = registry
        self._held_bytes = 0
        self.servicer = RegionServicer(registry) if registry else None

    @property
    def extensions(self) -> tuple[str, ...]:
        """What is advertised."""
        return (EXTENSION,) if self._registry else ()

    def find(self, request: pb.ModelInferRequest) -> Spans:
        """Raises `InvalidArgument`, and `NotFound` for regions that nobody has registered."""
        inputs = self._find_each(request.inputs, "input")
        outputs = self._find_each(request.outputs, "output")
        if not inputs and not outputs:
            return NONE
        spans = Spans(inputs, outputs)
        if spans.input_bytes > MAX_REQUEST_BYTES:
            raise errors.InvalidArgument(
                f"the inputs in shared memory have {spans.input_bytes:,} bytes, but those of a request have at most "
                f"{MAX_REQUEST_BYTES:,}; send fewer rows at a time"
            )
        return spans

    def _find_each(self, given: Sequence[Any], kind: str) -> dict[int, regions.Span]:
        found = {}
        for i, tensor in enumerate(given):
            if tensor.parameters:
                where = f"{kind} '{tensor.name}'"
                place = places.read(messages.read_parameters(tensor.parameters), where)
                if place is not None:
                    found[i] = self._get_registry(where).find(place)
        return found

    def _get_registry(self, where: str) -> regions.Registry:
        if self._registry is None:
            raise errors.InvalidArgument(
                f"shared memory is not offered, but {where} asks for it; put the tensor into the message, or start the server with "
                "--shared-memory on"
            )
        return self._registry

    def hold(self, spans: Spans) -> contextlib.AbstractContextManager[None]:
        """Count the copies of inputs as long as they are needed. Raises `ResourceExhausted` when there are too many."""
        return self._hold(spans.input_bytes) if spans.inputs else contextlib.nullcontext()

    @contextlib.contextmanager
    def _hold(self, count: int) -> Iterator[None]:
        if self._held_bytes + count > MAX_HELD_BYTES:
            raise errors.ResourceExhausted(
                f"requests that are under way hold {self._held_bytes:,} bytes from shared memory, and {count:,} more would be over "
                f"{MAX_HELD_BYTES:,}; ask again when some are answered",
                reason="QUEUE_FULL",
            )
        self._held_bytes += count
        try:
            yield
        finally:
            self._held_bytes -= count


NOT_OFFERED = Tensors(None)


async def read(spans: Mapping[int, regions.Span]) -> Mapping[int, bytes]:
    """Copies of inputs, made before anything looks at them: clients can write the memory at any time. Raises `InvalidArgument`."""
    if not spans:
        return messages.NOTHING
    return await _do(sum(span.byte_size for span in spans.values()), _read_each, spans)


async def write(
    spans: Mapping[int, regions.Span], request: pb.ModelInferRequest, chosen: Sequence[tensors.Tensor]
) -> None:
    """The outputs, where they are to lie, in their order; nothing of any when one does not fit. Raises `InvalidArgument` and
    `ResourceExhausted`.
    """
    for i, span in spans.items():
        if chosen[i].size_bytes > span.byte_size:
            raise errors.InvalidArgument(
                f"shared memory size specified with the request for output '{request.outputs[i].name}' ({span.byte_size} bytes) "
                f"should be at least {chosen[i].size_bytes} bytes to hold the results"
            )
    if spans:
        await _do(sum(chosen[i].size_bytes for i in spans), _write_each, spans, chosen)


async def _do(count: int, copy: Callable[..., T], *arguments: Any) -> T:
    """Copy so many bytes, beside the event loop where that takes long."""
    if count < BLOCKING_BYTES:
        return copy(*arguments)
    return await asyncio.get_running_loop().run_in_executor(_threads, copy, *arguments)


def _read_each(spans: Mapping[int, regions.Span]) -> dict[int, bytes]:
    return {i: span.read() for i, span in spans.items()}


def _write_each(spans: Mapping[int, regions.Span], chosen: Sequence[tensors.Tensor]) -> None:
    for i, span in spans.items():
        span.write(chosen[i].pieces, chosen[i].size_bytes)
