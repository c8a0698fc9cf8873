"""What the server makes of a prediction's bytes."""

from __future__ import annotations

from bessemer_server.rpc import errors, guarding
from bessemer_server.rpc.fronts.predicting import METHOD, Infer, Refusal
from bessemer_server.rpc.inference.servicer import InferenceServicer


def over(servicer: InferenceServicer) -> Infer:
    """What the servicer answers, as gRPC itself would have it from there."""

    async def infer(data: bytes | memoryview, left_s: float | None) -> bytes:
        try:
            return await servicer.infer_bytes(data, left_s)
        except Exception as error:
            raise Refusal(errors.to_status(guarding.translate(METHOD, error))) from error

    return infer
