"""Requests that are like one before in all but their values: what was worked out for it is not worked out again.

An app asks for the same model in the same words again and again. Protobuf writes fields in the order of their numbers, raw contents
last, so such requests have a beginning in common and only the values differ behind it. To parse and check the beginning, and to
build the answer's, is most of what the server does for a small prediction (docs/measurements.md).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.domain import tensors
from bessemer_server.domain.models import Model
from bessemer_server.rpc.inference import frugal, messages, wire
from bessemer_server.serving import parameters, requests

MOST = 512
"""Forms that are remembered: those that were asked for last."""
BEGINNING_BYTES = 1024
"""A beginning that is longer is not remembered."""
RAW_INPUT, RAW_OUTPUT = 7, 6
"""Numbers of the fields with raw contents."""
NO_CLASSES: Mapping[int, int] = {}


class Form:
    """What requests with the same beginning have in common. `message` is one of them without its values."""

    __slots__ = (
        "_head",
        "_head_of",
        "_names",
        "_plan",
        "_plan_of",
        "beginning",
        "message",
        "routing_key",
        "wishes",
    )

    def __init__(self, beginning: bytes, message: pb.ModelInferRequest) -> None:
        self.beginning = beginning
        self.message = message
        self.routing_key = messages.read_routing_key(message)
        self.wishes = parameters.parse(messages.read_parameters(message.parameters))
        self._plan_of: Model | None = None
        self._plan: requests.Planned | None = None
        self._names: Sequence[str] = ()
        """Of the outputs, by the same model."""
        self._head_of: object = None
        self._head = b""

    def plan(self, data: bytes | memoryview, model: Model) -> tuple[requests.Planned, memoryview]:
        """The one input of a request of this form, sound but for its values, and these. Raises `InvalidArgument`."""
        raw = memoryview(data)[len(self.beginning) :]
        if self._plan_of is not model:
            given = messages.parse(frugal.Decoded(self.message, [raw]))
            (self._plan,) = requests.plan(given, model)
            self._names = messages.names(self.message, model)
            self._plan_of = model
        assert self._plan is not None
        return self._plan, raw

    def answer(self, model: Model, outputs: Mapping[str, tensors.Tensor]) -> bytes:
        """The ModelInferResponse to one that was planned for the same model."""
        names = self._names if self._plan_of is model else messages.names(self.message, model)
        if len(names) > 1:
            messages.check_size(names, outputs, NO_CLASSES)
        chosen = messages.choose(names, model, outputs, NO_CLASSES)
        head_of = model, [(tensor.datatype, tensor.shape) for tensor in chosen]
        if self._head_of != head_of:
            response = messages.answer(frugal.Decoded(self.message, [b""]), model, chosen)
            response.ClearField("raw_output_contents")
            self._head, self._head_of = response.SerializeToString(), head_of
        parts: list[bytes | memoryview] = [self._head]
        for tensor in chosen:
            parts += (wire.begin(RAW_OUTPUT, tensor.size_bytes), *tensor.pieces)
        return b"".join(parts)


class Forms:
    """The forms of late."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[int, bytes], Form] = OrderedDict()
        """By length of the request, and beginning."""
        self._sizes: dict[int, dict[int, int]] = {}
        """Of beginnings, by length of the request: how many forms have each."""

    def find(self, data: bytes | memoryview) -> Form | None:
        """The form of a request, if it is known."""
        length = len(data)
        for size in self._sizes.get(length, ()):
            if form := self._known.get((length, bytes(data[:size]))):
                self._known.move_to_end((length, form.beginning))
                return form
        return None

    def learn(self, data: bytes | memoryview, asked: frugal.Decoded) -> None:
        """Remember the form of a request that was answered, unless it has no values of its own alone: ids, typed values, shared
        memory, classifications.
        """
        message = asked.message
        if len(asked.raw) != 1 or len(message.inputs) != 1 or message.id:
            return
        if any(tensor.parameters for tensor in message.inputs) or any(o.parameters for o in message.outputs):
            return
        end = len(data) - len(asked.raw[0])
        header = wire.begin(RAW_INPUT, len(asked.raw[0]))
        if end > BEGINNING_BYTES or data[end - len(header) : end] != header:
            return
        try:  # what can be read ends with a whole field, and the next one is the raw contents
            common = pb.ModelInferRequest.FromString(bytes(data[: end - len(header)]))
        except Exception:  # protobuf's implementations have no error in common
            return
        if not common.raw_input_contents:
            self._keep(len(data), Form(bytes(data[:end]), common))

    def _keep(self, length: int, form: Form) -> None:
        key = length, form.beginning
        if key not in self._known:
            sizes = self._sizes.setdefault(length, {})
            sizes[len(form.beginning)] = sizes.get(len(form.beginning), 0) + 1
        self._known[key] = form
        if len(self._known) > MOST:
            self._forget(*next(iter(self._known)))

    def _forget(self, length: int, beginning: bytes) -> None:
        del self._known[length, beginning]
        sizes = self._sizes[length]
        sizes[len(beginning)] -= 1
        if not sizes[len(beginning)]:
            del sizes[len(beginning)]
        if not sizes:
            del self._sizes[length]
