"""What the server makes of a prediction's bytes."""

from __future__ import annotations

from bessemer_server.rpc import errors, guarding
from bessemer_server.rpc.fronts.predicting import METHOD, Infer, Refusal
from bessemer_server.rpc.inference.inferring import Inferring


def over(predictions: Inferring) -> Infer:
    """What they answer, as gRPC itself would have it from there."""

    async def infer(data: bytes | memoryview, left_s: float | None) -> bytes:
        try:
            return await predictions.infer_bytes(data, left_s)
        except Exception as error:
            raise Refusal(errors.to_status(guarding.translate(METHOD, error))) from error

    return infer
