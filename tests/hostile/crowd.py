"""Who calls: honest clients whose answers are known beforehand, and hostile ones beside them."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from collections import Counter
from collections.abc import Awaitable, Iterator

import grpc
import numpy as np

from bessemer.inference.v2 import inference_pb2 as pb
from tests.hostile import faults, malformed, subjects
from tests.hostile.canaries import SERVICE, TOLERANCE, Caller, Canaries, Honest

Refusal = grpc.aio.AioRpcError


@dataclasses.dataclass
class Crowd:
    """Counts what happened, and tells what was `wrong`."""

    caller: Caller
    canaries: Canaries
    seed: int
    refused: Counter[str] = dataclasses.field(default_factory=Counter)
    answered: Counter[str] = dataclasses.field(default_factory=Counter)
    wrong: list[str] = dataclasses.field(default_factory=list)

    async def run(self, bad: int, hostile: int = 16, honest: int = 8) -> None:
        """So many bad requests by hostile clients, while honest ones ask all the time."""
        left = iter(range(bad))
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for number in range(honest):
                group.create_task(self._be_honest(random.Random(f"honest {self.seed} {number}"), over))
            async with asyncio.TaskGroup() as attackers:
                for number in range(hostile):
                    attackers.create_task(self._attack(random.Random(f"bad {self.seed} {number}"), left))
            over.set()

    async def _be_honest(self, draw: random.Random, over: asyncio.Event) -> None:
        while not over.is_set():
            asked = self._draw_honest(draw)
            self._check_answer(asked, await self.caller.infer(asked.request))

    def _draw_honest(self, draw: random.Random) -> Honest:
        subject = draw.choice(subjects.SUBJECTS)
        chosen = draw.choices(self.canaries[subject], k=draw.randint(1, 4) if subject.is_batched else 1)
        inputs = chosen[0].inputs
        if subject.is_batched:
            inputs = subjects.join([canary.inputs for canary in chosen])
        request = subjects.make_request(subject.model, inputs, f"{draw.getrandbits(64):x}")
        return Honest(request, subject, np.concatenate([canary.answer for canary in chosen]))

    def _check_answer(self, asked: Honest, response: pb.ModelInferResponse) -> None:
        self.answered[asked.subject.model] += 1
        limit = TOLERANCE if asked.subject.is_batched else 0.0
        is_right = (
            response.id == asked.request.id
            and [output.name for output in response.outputs] == [asked.subject.output]
            and (answer := subjects.read(response)).shape == asked.answer.shape
            and np.abs(answer.astype(float) - asked.answer).max() <= limit
        )
        if not is_right:
            self.wrong.append(f"{asked.subject.model} gave another answer than to this request alone")

    async def _attack(self, draw: random.Random, left: Iterator[int]) -> None:
        senders = (
            self._send_request, self._send_malformed, self._send_stream, self._call_another, self._send_voracious
        )  # fmt: skip
        for _ in left:
            await draw.choices(senders, weights=(90, 6, 3, 1, 1))[0](draw)

    async def _send_request(self, draw: random.Random) -> None:
        bad = faults.draw_bad(draw)
        call = self.caller.infer(bad.request.SerializeToString())
        self._check_refusal(bad.kind, await _catch(call), bad.words, bad.code)

    async def _send_malformed(self, draw: random.Random) -> None:
        call = self.caller.infer(malformed.draw_malformed(draw))
        self._check_refusal("malformed", await _catch(call), "cannot be decoded")

    async def _send_voracious(self, draw: random.Random) -> None:
        call = self.caller.infer(malformed.draw_voracious(draw))
        self._check_refusal("voracious", await _catch(call), "has")

    async def _call_another(self, draw: random.Random) -> None:
        method = draw.choice((f"{SERVICE}/Infer", f"{SERVICE}/TraceSetting", "/x/y", "/"))
        call = self.caller.call(method, draw.randbytes(9))
        self._check_refusal("method", await _catch(call), "", grpc.StatusCode.UNIMPLEMENTED)

    async def _send_stream(self, draw: random.Random) -> None:
        """Bad and honest requests in turns, answered in their order; sometimes one that is no message, which ends the stream."""
        sent: list[faults.Bad | Honest] = [
            faults.draw_bad(draw) if draw.random() < 0.5 else self._draw_honest(draw) for _ in range(8)
        ]
        bodies = [each.request.SerializeToString() for each in sent]
        is_torn = draw.random() < 0.3
        answers = self.caller.stream([*bodies, *([malformed.draw_malformed(draw)] if is_torn else [])])
        for each in sent:
            answer = await anext(answers)
            if isinstance(each, Honest):
                self._check_answer(each, answer.infer_response)
                continue
            self.refused[each.kind] += 1
            if each.words not in answer.error_message:
                self.wrong.append(
                    f"{each.kind} in a stream: {answer.error_message[:300]!r} lacks {each.words!r}"
                )
        if is_torn:
            self._check_refusal("stream", await _catch(anext(answers)), "cannot be decoded")

    def _check_refusal(
        self, kind: str, error: Refusal | None, words: str, code: grpc.StatusCode = faults.INVALID
    ) -> None:
        self.refused[kind] += 1
        if error is None:
            self.wrong.append(f"{kind}: was answered, and should have been refused with {words!r}")
        elif error.code() is not code or words not in (error.details() or ""):
            told = (error.details() or "")[:300]
            self.wrong.append(f"{kind}: {error.code()} {told!r} and not {code} with {words!r}")


async def _catch(call: Awaitable[object]) -> Refusal | None:
    try:
        await call
    except Refusal as error:
        return error
    return None
