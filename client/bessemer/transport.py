"""The blocking channel: one call, one answer, errors of this package."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import grpc

from bessemer import _calls, errors, reconnecting
from bessemer.inference.v2 import inference_pb2
from bessemer.v1 import catalog_pb2_grpc, datasets_pb2_grpc, jobs_pb2_grpc, models_pb2_grpc

T = TypeVar("T")


class Transport:
    """A channel with the stubs of every service."""

    def __init__(
        self, address: str, token: str | None, tls: bool, timeout_s: float, *, is_private: bool = False
    ) -> None:
        _calls.check_address(address)
        self.address = address
        self.is_private = is_private
        """Whether the service ends with this program."""
        self._is_closed = False
        self._timeout_s = timeout_s
        self._metadata = _calls.build_metadata(token)
        self._channel = (
            grpc.secure_channel(address, grpc.ssl_channel_credentials(), options=_calls.CHANNEL_OPTIONS)
            if tls
            else grpc.insecure_channel(address, options=_calls.CHANNEL_OPTIONS)
        )
        self.jobs = jobs_pb2_grpc.JobServiceStub(self._channel)
        self.models = models_pb2_grpc.ModelServiceStub(self._channel)
        self.datasets = datasets_pb2_grpc.DatasetServiceStub(self._channel)
        self.catalog = catalog_pb2_grpc.CatalogServiceStub(self._channel)
        self._infer = self._channel.unary_unary(
            _calls.INFER_METHOD,
            request_serializer=inference_pb2.ModelInferRequest.SerializeToString,
            response_deserializer=inference_pb2.ModelInferResponse.FromString,
        )

    def call(self, method: Callable[..., T], request: Any, *, is_patient: bool = False) -> T:
        """The answer; of a patient call however long it takes. Raises the errors of this package."""
        self._check_open()
        try:
            timeout_s = None if is_patient else self._timeout_s
            return method(request, timeout=timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise errors.from_rpc(error, self.address) from None

    def predict(self, request: inference_pb2.ModelInferRequest) -> inference_pb2.ModelInferResponse:
        """The answer to a prediction. Raises as `outlive` does."""
        return self.outlive(self._infer, request)

    def outlive(self, method: Callable[..., T], request: Any) -> T:
        """The answer to a call that is safe to repeat: it is asked for again when the service restarts. Raises as `call` does."""
        tries = reconnecting.Reconnecting(0.0 if self.is_private else reconnecting.RESTART_S)
        while True:
            try:
                return self.call(method, request)
            except errors.Unavailable as error:
                pause_s = tries.choose_pause(time.monotonic()) if error.is_away else None
                if pause_s is None:
                    raise
                time.sleep(pause_s)

    def upload(self, method: Callable[..., T], requests: Iterator[Any]) -> T:
        """The answer to a stream of requests, without a timeout. What making them raises comes out as it is."""
        self._check_open()
        faults: list[Exception] = []

        def remember() -> Iterator[Any]:  # gRPC would hide it
            try:
                yield from requests
            except Exception as error:
                faults.append(error)
                raise

        try:
            return method(remember(), metadata=self._metadata)
        except grpc.RpcError as error:
            raise faults[0] if faults else errors.from_rpc(error, self.address) from None

    def stream(self, method: Callable[..., Iterator[T]], request: Any) -> Iterator[T]:
        """The answers of a stream, without a timeout. Raises the errors of this package."""
        self._check_open()
        answers: Any = method(request, metadata=self._metadata)
        try:
            yield from answers
        except grpc.RpcError as error:
            raise errors.from_rpc(error, self.address) from None
        finally:
            answers.cancel()

    def list(self, method: Callable[..., Any], request: Any, field: str) -> Iterator[Any]:
        """What `field` holds on each page of a listing; a page is fetched when it is needed."""
        while True:
            page = self.call(method, request)
            yield from getattr(page, field)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def close(self) -> None:
        """End the channel."""
        self._is_closed = True
        self._channel.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise _calls.explain_closed(self.address)
