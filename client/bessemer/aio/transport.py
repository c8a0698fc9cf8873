"""The asyncio channel: one call, one answer, errors of this package."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from typing import Any

import grpc
import grpc.aio

from bessemer import _calls, errors, reconnecting
from bessemer.inference.v2 import inference_pb2
from bessemer.v1 import catalog_pb2_grpc, datasets_pb2_grpc, jobs_pb2_grpc, models_pb2_grpc


class Transport:
    """A channel with the stubs of every service, made at the first call: it belongs to the loop that runs then."""

    def __init__(self, address: str, token: str | None, tls: bool, timeout_s: float) -> None:
        _calls.check_address(address)
        self.address = address
        self._is_closed = False
        self._tls = tls
        self._timeout_s = timeout_s
        self._metadata = _calls.build_metadata(token)

    @functools.cached_property
    def _channel(self) -> grpc.aio.Channel:
        if self._is_closed:
            raise _calls.explain_closed(self.address)
        if self._tls:
            return grpc.aio.secure_channel(
                self.address, grpc.ssl_channel_credentials(), options=_calls.CHANNEL_OPTIONS
            )
        return grpc.aio.insecure_channel(self.address, options=_calls.CHANNEL_OPTIONS)

    @functools.cached_property
    def jobs(self) -> Any:
        """JobService."""
        return jobs_pb2_grpc.JobServiceStub(self._channel)

    @functools.cached_property
    def models(self) -> Any:
        """ModelService."""
        return models_pb2_grpc.ModelServiceStub(self._channel)

    @functools.cached_property
    def datasets(self) -> Any:
        """DatasetService."""
        return datasets_pb2_grpc.DatasetServiceStub(self._channel)

    @functools.cached_property
    def catalog(self) -> Any:
        """CatalogService."""
        return catalog_pb2_grpc.CatalogServiceStub(self._channel)

    @functools.cached_property
    def _infer(self) -> Any:
        """The prediction RPC."""
        return self._channel.unary_unary(
            _calls.INFER_METHOD,
            request_serializer=inference_pb2.ModelInferRequest.SerializeToString,
            response_deserializer=inference_pb2.ModelInferResponse.FromString,
        )

    async def call(self, method: Any, request: Any, *, is_patient: bool = False) -> Any:
        """The answer; of a patient call however long it takes. Raises the errors of this package."""
        self._check_open()
        try:
            timeout_s = None if is_patient else self._timeout_s
            return await method(request, timeout=timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise errors.from_rpc(error, self.address) from None

    async def predict(self, request: inference_pb2.ModelInferRequest) -> inference_pb2.ModelInferResponse:
        """The answer to a prediction. Raises as `outlive` does."""
        answer: inference_pb2.ModelInferResponse = await self.outlive(self._infer, request)
        return answer

    async def outlive(self, method: Any, request: Any) -> Any:
        """The answer to a call that is safe to repeat: it is asked for again when the service restarts. Raises as `call` does."""
        tries = reconnecting.Reconnecting(reconnecting.RESTART_S)
        while True:
            try:
                return await self.call(method, request)
            except errors.Unavailable as error:
                pause_s = tries.choose_pause(time.monotonic()) if error.is_away else None
                if pause_s is None:
                    raise
                await asyncio.sleep(pause_s)

    async def upload(self, method: Any, requests: Iterator[Any]) -> Any:
        """The answer to a stream of requests, which are made in a thread. What making them raises comes out as it is."""
        self._check_open()
        faults: list[Exception] = []

        async def make() -> AsyncIterator[Any]:
            try:
                while (request := await asyncio.to_thread(next, requests, None)) is not None:
                    yield request
            except Exception as error:
                faults.append(error)
                raise

        try:
            return await method(make(), metadata=self._metadata)
        except grpc.RpcError as error:
            raise faults[0] if faults else errors.from_rpc(error, self.address) from None

    async def stream(self, method: Any, request: Any) -> AsyncGenerator[Any, None]:
        """The answers of a stream, without a timeout. Raises the errors of this package."""
        self._check_open()
        answers = method(request, metadata=self._metadata)
        try:
            async for answer in answers:
                yield answer
        except grpc.RpcError as error:
            raise errors.from_rpc(error, self.address) from None
        finally:
            answers.cancel()

    async def list(
        self, method: Any, request: Any, field: str, limit: int | None = None
    ) -> AsyncIterator[Any]:
        """What `field` holds on each page of a listing, at most `limit`; a page is fetched when it is needed."""
        count = 0
        while True:
            page = await self.call(method, request)
            for item in getattr(page, field):
                if count == limit:
                    return
                yield item
                count += 1
            if not page.next_page_token or count == limit:
                return
            request.page_token = page.next_page_token

    async def close(self) -> None:
        """End the channel."""
        self._is_closed = True
        if "_channel" in self.__dict__:
            await self._channel.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise _calls.explain_closed(self.address)
