"""Calls to the service below any client that would mend them, and canaries: rows whose answers are known beforehand."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import grpc
import numpy as np

from bessemer.inference.v2 import inference_pb2 as pb
from tests.hostile import subjects
from tests.hostile.subjects import Array, Input, Subject

SERVICE = "/inference.GRPCInferenceService"
TOLERANCE = 1e-5
"""Of probabilities in float32: a batch of another size sums in another order. Pictures are equal to the byte."""
APART = 100 * TOLERANCE
"""Answers of a subject differ by so much at the least: another's would be noticed."""
CANARIES = 24
DEADLINE_S = 60.0


@dataclasses.dataclass(frozen=True, slots=True)
class Canary:
    """One row, and what it must be answered."""

    inputs: list[Input]
    answer: Array


@dataclasses.dataclass(frozen=True, slots=True)
class Honest:
    """A request of an honest client, and its answer."""

    request: pb.ModelInferRequest
    subject: Subject
    answer: Array


Canaries = dict[Subject, list[Canary]]


class Caller:
    """Calls with bytes: what is sent need be no message."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self._infer: Any = channel.unary_unary(f"{SERVICE}/ModelInfer")
        self._stream: Any = channel.stream_stream(f"{SERVICE}/ModelStreamInfer")

    async def infer(self, request: pb.ModelInferRequest | bytes) -> pb.ModelInferResponse:
        """Raises `grpc.aio.AioRpcError`."""
        body = request if isinstance(request, bytes) else request.SerializeToString()
        return pb.ModelInferResponse.FromString(await self._infer(body, timeout=DEADLINE_S))

    async def stream(self, bodies: Sequence[bytes]) -> AsyncGenerator[pb.ModelStreamInferResponse, None]:
        """As `infer`."""
        async for answer in self._stream(iter(bodies), timeout=DEADLINE_S):
            yield pb.ModelStreamInferResponse.FromString(answer)

    async def call(self, method: str, body: bytes) -> bytes:
        """Any method."""
        call: Any = self._channel.unary_unary(method)
        answer: bytes = await call(body, timeout=DEADLINE_S)
        return answer


async def find_canaries(caller: Caller, draw: random.Random) -> Canaries:
    """Rows of each subject whose answers, given alone, are far from each other."""
    found: Canaries = {}
    for subject in subjects.SUBJECTS:
        kept: list[Canary] = []
        while len(kept) < CANARIES:
            inputs = subject.draw(draw)
            answer = subjects.read(await caller.infer(subjects.make_request(subject.model, inputs)))
            if all(np.abs(answer.astype(float) - other.answer).max() > APART for other in kept):
                kept.append(Canary(inputs, answer))
        found[subject] = kept
    return found
