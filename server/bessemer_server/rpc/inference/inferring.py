"""From a prediction's request to its answer: look the model up, check, run, and build what was asked for."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.domain.models import Model
from bessemer_server.rpc import guarding, traffic
from bessemer_server.rpc.inference import forms, frugal, messages, sharing
from bessemer_server.serving import parameters, pictures, preparing, requests
from bessemer_server.serving.fleet import Fleet
from bessemer_server.serving.repository import Repository

T = TypeVar("T")
ASIDE_BYTES = 64 << 10
"""Of an answer from which on it is made in a thread of its own: to rank so many scores takes some milliseconds."""


class _Patience(NamedTuple):
    """How long a request may take."""

    timeout_s: float | None
    """What its client had left at the beginning; None for any time."""
    wishes: parameters.Parameters
    begun_ns: int
    """By `time.perf_counter_ns`."""

    def left_s(self) -> float:
        """Of all of it, now; inf where it has none."""
        return self.wishes.patience_s(self.timeout_s) - (time.perf_counter_ns() - self.begun_ns) / 1e9


class Inferring:
    """`infer` for who has a message, `infer_bytes` for who has its bytes: those need not be taken apart where their form is known."""

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

    async def infer_bytes(self, data: bytes | memoryview, timeout_s: float | None) -> bytes:
        """From a ModelInferRequest to a ModelInferResponse, both as they are on the wire. `timeout_s`: the seconds that are left, or None for
        any number. Raises errors of the domain.
        """
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
            planned, raw = form.plan(data, model)
            patience = _Patience(timeout_s, form.wishes, begun_ns)
            if planned.is_slow(len(raw)):
                read = functools.partial(_read_one, planned, raw)
                inputs = await self._prepare(read, model, planned.shape[0], patience)
            else:
                inputs = _read_one(planned, raw)
            outputs = await self._run(model, inputs, patience)
            return form.answer(model, outputs)
        except BaseException:
            self._count_failure(model, begun_ns)
            raise

    async def infer(self, asked: frugal.Decoded, timeout_s: float | None) -> pb.ModelInferResponse:
        """The same for who has the message."""
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
        requests.check_counts(len(request.inputs), len(request.outputs), model)
        wishes = parameters.parse(messages.read_parameters(request.parameters))
        self._fleet.check_queue(model, timeout_s, wishes)
        classes = messages.read_classes(request, model)
        spans = self._shared.find(request)
        with self._shared.hold(spans):
            shared = await sharing.read(spans.inputs)
            patience = _Patience(timeout_s, wishes, begun_ns)
            inputs = await self._check(model, asked, shared, patience)
            outputs = await self._run(model, inputs, patience)
        names = messages.names(request, model)
        size = messages.check_size(names, outputs, classes)
        chosen = await _aside(size, functools.partial(messages.choose, names, model, outputs, classes))
        await sharing.write(spans.outputs, request, chosen)
        return await _aside(size, functools.partial(messages.answer, asked, model, chosen, spans.outputs))

    async def _check(
        self, model: Model, asked: frugal.Decoded, shared: Mapping[int, bytes], patience: _Patience
    ) -> pictures.Tensors:
        """Sound inputs. Many values are read in a thread, when all else is known to be sound; and pictures are made fit there."""
        given = messages.parse(asked, shared)
        planned = requests.plan(given, model)
        if not asked.typed and not requests.are_slow(given, planned):
            return requests.read(given, planned, model)
        read = functools.partial(_read_and_fit, given, planned, model)
        return await self._prepare(read, model, planned[0].shape[0], patience)

    async def _run(self, model: Model, inputs: pictures.Tensors, patience: _Patience) -> pictures.Tensors:
        """Outputs for sound inputs, be they pictures in another form."""
        if not pictures.are_fit(inputs, model):
            fit = functools.partial(pictures.fit, inputs, model)
            inputs = await self._prepare(fit, model, next(iter(inputs.values())).rows, patience)
        return await self._fleet.predict(
            model, inputs, patience.timeout_s, patience.wishes, patience.begun_ns
        )

    async def _prepare(
        self, work: Callable[[], pictures.Tensors], model: Model, rows: int, patience: _Patience
    ) -> pictures.Tensors:
        """What takes long, in a thread."""
        return await self._preparing.do(
            work,
            model=model.key,
            rows=rows,
            patience_s=patience.left_s(),
            priority=patience.wishes.priority,
        )

    def _count_failure(self, model: Model, begun_ns: int) -> None:
        self._fleet.statistics.record_failure(model.key, time.perf_counter_ns() - begun_ns)


def _read_and_fit(
    given: requests.Request, planned: Sequence[requests.Planned], model: Model
) -> pictures.Tensors:
    return pictures.fit(requests.read(given, planned, model), model)


def _read_one(planned: requests.Planned, raw: memoryview) -> pictures.Tensors:
    return {planned.name: planned.read(raw)}


async def _aside(size_bytes: int, work: Callable[[], T]) -> T:
    """Make an answer of so many bytes: a large one takes too long for others to wait."""
    return await asyncio.to_thread(work) if size_bytes > ASIDE_BYTES else work()
