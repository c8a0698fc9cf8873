"""Typed contents of large requests are what protobuf makes of them, and are read where nobody waits."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.domain import errors
from bessemer_server.domain.tensors import Tensor
from bessemer_server.rpc import traffic
from bessemer_server.rpc.inference import frugal, inferring, messages, typed
from bessemer_server.serving import contents, pictures, requests, statistics
from tests.integration.test_predictor import make_model

IMAGES: dict[str, Any] = {
    "kind": "classifier", "preprocessing": {"kind": "rescale", "scale": 255}, "input_shape": [2, 2, 1],
    "labels": ["no", "yes"],
    "inputs": [{"name": "image", "datatype": "UINT8", "shape": [-1, 2, 2, 1]}],
    "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]}],
}  # fmt: skip
MODEL = make_model("images", IMAGES, ())
VALUES = {
    "BOOL": st.booleans(),
    "INT8": st.integers(-(2**7), 2**7 - 1),
    "INT32": st.integers(-(2**31), 2**31 - 1),
    "INT64": st.integers(-(2**63), 2**63 - 1),
    "UINT16": st.integers(0, 2**16 - 1),
    "UINT32": st.integers(0, 2**32 - 1),
    "UINT64": st.integers(0, 2**64 - 1),
    "FP32": st.floats(width=32),
    "FP64": st.floats(),
    "BYTES": st.binary(max_size=300),
}


class Fleet:
    """A repository with the one model, and what answers for it: the sum of the picture's values."""

    def __init__(self):
        self.statistics = statistics.Statistics()

    async def get(self, name, version_text, routing_key=""):
        return MODEL

    def check_queue(self, model, timeout_s, asked):
        pass

    async def predict(self, model, inputs, timeout_s, asked, begun_ns):
        (picture,) = inputs.values()
        return {"probabilities": Tensor("FP32", (picture.rows, 2), bytes(8 * picture.rows))}


def make_request(values, shape):
    request = pb.ModelInferRequest(model_name="images")
    request.inputs.add(name="image", datatype="UINT8", shape=shape).contents.uint_contents.extend(values)
    return request


async def ask(request, size=frugal.SMALL_BYTES):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frugal, "SMALL_BYTES", size)
        fleet = Fleet()
        predictions = inferring.Inferring(fleet, fleet, traffic.Traffic())  # type: ignore[arg-type]
        answer = await predictions.infer_bytes(request.SerializeToString(), None)
    return pb.ModelInferResponse.FromString(answer)


@pytest.fixture
def threads(monkeypatch):
    """Those that have turned typed values into bytes."""
    used = []
    pack = contents.pack

    def note(*arguments):
        used.append(threading.current_thread())
        return pack(*arguments)

    monkeypatch.setattr(contents, "pack", note)
    return used


@st.composite
def tensors(draw):
    datatype = draw(st.sampled_from(sorted(VALUES)))
    return datatype, draw(st.lists(VALUES[datatype], min_size=1, max_size=40))


@given(tensors(), st.integers(1, 20))
def test_a_piece_at_a_time_they_are_what_they_are_at_once(tensor, piece):
    datatype, values = tensor
    field, _ = contents.FIELDS[datatype]
    whole = pb.InferTensorContents(**{field: values})
    data = memoryview(whole.SerializeToString())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typed, "PIECE_BYTES", 8 * piece)
        read = typed.Contents("x", datatype, [data, data])
        packed = contents.pack("x", "m", datatype, read, 2 * len(values))
    assert packed == contents.pack(
        "x", "m", datatype, {field: list(getattr(whole, field)) * 2}, 2 * len(values)
    )


def test_numbers_that_come_one_by_one_are_read_too():
    parts = [memoryview(b"\x20\x07\x20\x08"), memoryview(b"\x22\x01\x09")]
    assert contents.pack("x", "m", "UINT8", typed.Contents("x", "UINT8", parts), 3) == b"\7\x08\x09"


@pytest.mark.parametrize(
    ("datatype", "data", "words"),
    [
        ("UINT8", b"\x22\x02\xac\x02", "a value of input tensor 'x' for model 'm' does not fit UINT8"),
        ("UINT8", b"\x22\x02\x01\x02", "Expected 1, got 2"),
        (
            "UINT8",
            b"\x12\x01\x01",
            r"unexpected explicit tensor data \(int_contents\) .* expected uint_contents",
        ),
        (
            "FP16",
            b"\x12\x01\x01",
            r"unexpected explicit tensor data \(int_contents\) .* expected raw contents",
        ),
        ("UINT8", b"\x22\x02\x01\xff", "typed contents of input 'x' cannot be decoded"),
        ("UINT8", b"\x22\x0c" + b"\xff" * 12, "typed contents of input 'x' cannot be decoded"),
        ("FP32", b"\x32\x03abc", "typed contents of input 'x' cannot be decoded"),
    ],
)
def test_each_fault_is_named(datatype, data, words):
    read = typed.Contents("x", datatype, [memoryview(data)])
    with pytest.raises(errors.InvalidArgument, match=words):
        contents.pack("x", "m", datatype, read, 1)


def test_whether_there_are_any_is_known_without_a_look():
    assert typed.Contents("x", "UINT8", [memoryview(b""), memoryview(b"\xff")])
    assert not typed.Contents("x", "UINT8", [memoryview(b"")])


async def test_what_is_small_is_read_at_once_and_what_is_large_in_a_thread(threads):
    small, large = make_request([1] * 4, (1, 2, 2, 1)), make_request([1] * 70_000, (1, 200, 350, 1))
    assert (await ask(small)).outputs[0].contents.fp32_contents == [0.0, 0.0]
    assert threads == [threading.main_thread()]
    assert (await ask(large)).outputs[0].contents.fp32_contents == [0.0, 0.0]
    assert "preparing" in threads[1].name


async def test_large_ones_are_not_decoded_before_that(threads, monkeypatch):
    large = make_request([1] * 70_000, (1, 200, 350, 1))
    asked = frugal.decode(large.SerializeToString())
    assert asked.message.ByteSize() < 100
    assert "_found" not in vars(messages.parse(asked).inputs[0].typed)


async def test_pictures_with_too_many_pixels_are_refused_before_their_values_are_looked_at(
    threads, monkeypatch
):
    monkeypatch.setattr(pictures, "MAX_PIXELS", 69_999)
    with pytest.raises(
        errors.InvalidArgument, match="have 70,000 pixels together, but at most 69,999 are taken"
    ):
        await ask(make_request([1] * 70_000, (1, 200, 350, 1)))
    assert threads == []


@pytest.mark.parametrize(
    ("tail", "words"),
    [
        (
            b"\x2a\0" * 65,
            "expected 1 inputs but got 65 inputs for model 'images', and no model has more than 64",
        ),
        (b"\x2a\x02\x0a\0" * 16_000, "expected 1 inputs but got 16000 inputs for model 'images'"),
        (b"\x32\0" * 9, "9 outputs are asked for of model 'images', but no request may name more than 8"),
        (b"\x32\x02\x0a\0" * 16_000, "16,000 outputs are asked for of model 'images'"),
    ],
)
async def test_of_too_many_tensors_none_is_looked_at(tail, words, monkeypatch):
    def look(*arguments):
        raise AssertionError("a look at each")

    monkeypatch.setattr(messages, "parse", look)
    monkeypatch.setattr(messages, "read_classes", look)
    request = pb.ModelInferRequest.FromString(
        pb.ModelInferRequest(model_name="images").SerializeToString() + tail
    )
    with pytest.raises(errors.InvalidArgument, match=words):
        await ask(request)


async def test_a_few_too_many_inputs_are_named_as_ever():
    request = make_request([1] * 4, (1, 2, 2, 1))
    request.inputs.add(name="other")
    with pytest.raises(errors.InvalidArgument, match="unexpected inference input 'other'"):
        await ask(request)
    assert requests.MAX_INPUTS > 2
