"""Soundness of prediction requests: each fault is named, in the protocol's words."""

import dataclasses
import datetime
import math
import struct

import pytest

from bessemer_server.domain import checkpoints, errors, models
from bessemer_server.serving import requests

DEFINITION = {
    "labels": ["a", "b"],
    "inputs": [{"name": "features", "datatype": "FP32", "shape": [-1, 4]}],
    "outputs": [{"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]}],
}
MODEL = models.Model(
    name="m",
    version=1,
    job_id="j",
    architecture="mlp",
    dataset="iris",
    weights=checkpoints.Manifest(0, 0, ()),
    definition=DEFINITION,
    metrics={},
    parameters=0,
    effective_spec={},
    create_time=datetime.datetime.now(datetime.UTC),
)
VALUES = [1.0, 2.0, 3.0, 4.0]
GOOD = requests.Input("features", "FP32", (1, 4), struct.pack("<4f", *VALUES))


def read(request, model):
    return requests.read(request, requests.plan(request, model), model)


def check(*inputs, outputs=(), raw_count=None):
    count = sum(i.raw is not None for i in inputs) if raw_count is None else raw_count
    return read(requests.Request(inputs, outputs, count), MODEL)


def test_a_sound_request_comes_through_as_it_is():
    tensor = check(GOOD)["features"]
    assert (tensor.datatype, tensor.shape, tensor.data) == ("FP32", (1, 4), GOOD.raw)


def test_typed_contents_become_the_same_bytes_as_raw_ones():
    typed = dataclasses.replace(GOOD, raw=None, typed={"fp32_contents": VALUES})
    assert check(typed)["features"].data == GOOD.raw


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "feature"}, r"unexpected inference input 'feature' for model 'm'; did you mean features\?"),
        ({"datatype": "FP64"}, "data-type is 'FP64', but model 'm' expects 'FP32'"),
        ({"shape": (1, 5)}, r"unexpected shape .* Expected \[-1, 4\], got \[1, 5\]"),
        ({"shape": (4,)}, r"unexpected shape .* Expected \[-1, 4\], got \[4\]"),
        ({"shape": (-1, 4)}, "All input dimensions should be specified"),
        ({"shape": (0, 4)}, "batch-size must be from 1 to 4096"),
        ({"shape": (2**40, 4)}, "batch-size must be from 1 to 4096"),
        ({"shape": (2, 4)}, "byte size mismatch .* Expected 32, got 16"),
        ({"raw": b"123"}, "byte size mismatch .* Expected 16, got 3"),
        ({"raw": None}, "unable to find data for input tensor 'features'"),
        (
            {"raw": None, "typed": {"fp64_contents": VALUES}},
            r"unexpected explicit tensor data \(fp64_contents\)",
        ),
        ({"raw": None, "typed": {"fp32_contents": VALUES[:3]}}, "byte size mismatch .* Expected 16, got 12"),
        ({"typed": {"fp32_contents": VALUES}}, "contents field must not be specified when using raw"),
    ],
)
def test_each_fault_is_named(change, message):
    with pytest.raises(errors.InvalidArgument, match=message):
        check(dataclasses.replace(GOOD, **change))


TEXTS = dataclasses.replace(
    MODEL,
    definition={**DEFINITION, "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}]},
)


def frame(*elements):
    return b"".join(struct.pack("<I", len(element)) + element for element in elements)


TEXT = requests.Input("text", "BYTES", (2,), frame("gréat".encode(), b"film"))


def check_text(tensor):
    count = tensor.raw is not None
    return read(requests.Request([tensor], (), count), TEXTS)["text"]


def test_sound_texts_come_through_raw_or_typed():
    assert check_text(TEXT).data == TEXT.raw
    typed = dataclasses.replace(TEXT, raw=None, typed={"bytes_contents": ["gréat".encode(), b"film"]})
    assert check_text(typed) == check_text(TEXT)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"raw": frame(b"one")}, "expected 2 string elements for inference input 'text' .*, got 1"),
        ({"raw": frame(b"1", b"2", b"3", b"4")}, "expected 2 string elements .*, got more"),
        ({"raw": b"\5\0"}, "incomplete string length indicator"),
        ({"raw": frame(b"one") + b"\5\0\0\0two"}, "incomplete string data"),
        ({"raw": frame(b"one", b" \t")}, "element 1 of input 'text' for model 'm' is an empty text"),
        ({"raw": frame(b"", b"one")}, "element 0 .* is an empty text"),
        ({"raw": frame(b"one", b"a\xff")}, "element 1 .* is not UTF-8: invalid start byte at byte 1"),
        ({"shape": (2, 1)}, r"Expected \[-1\], got \[2, 1\]"),
        ({"datatype": "UINT8"}, "expects 'BYTES'"),
        ({"raw": None, "typed": {"fp32_contents": [1.0]}}, "expected bytes_contents"),
    ],
)
def test_each_fault_of_a_text_is_named(change, message):
    with pytest.raises(errors.InvalidArgument, match=message):
        check_text(dataclasses.replace(TEXT, **change))


def test_a_missing_input_is_named():
    with pytest.raises(errors.InvalidArgument, match=r"missing required input\(s\) \['features'\]"):
        check()


def test_an_input_that_comes_twice_is_refused():
    with pytest.raises(errors.InvalidArgument, match="input 'features' already exists in request"):
        check(GOOD, GOOD)


def test_raw_tensors_must_be_as_many_as_inputs():
    with pytest.raises(errors.InvalidArgument, match=r"number of inputs \(1\) does not match .* \(2\)"):
        check(GOOD, raw_count=2)


def test_an_unknown_output_is_named():
    with pytest.raises(errors.InvalidArgument, match="unexpected inference output 'probs'"):
        check(GOOD, outputs=["probs"])


def test_an_input_in_shared_memory_takes_none_of_the_raw_contents():
    shared = dataclasses.replace(GOOD, is_shared=True)
    assert check(shared, raw_count=0)["features"].data == GOOD.raw
    with pytest.raises(
        errors.InvalidArgument, match=r"inputs \(0\) does not match .* raw input contents \(1\)"
    ):
        check(shared, raw_count=1)


def test_an_input_in_shared_memory_has_no_contents():
    both = dataclasses.replace(GOOD, is_shared=True, typed={"fp32_contents": VALUES})
    with pytest.raises(errors.InvalidArgument, match=r"unexpected contents .* shared memory .* 'features'"):
        check(both, raw_count=0)


IMAGES = dataclasses.replace(
    MODEL,
    definition={**DEFINITION, "inputs": [{"name": "image", "datatype": "UINT8", "shape": [-1, 8, 8, 1]}]},
)


@pytest.mark.parametrize("datatype", ["UINT8", "FP32"])
def test_pictures_with_too_many_pixels_are_refused_by_their_shape_alone(datatype):
    side = 1 << 14
    request = requests.Request([requests.Input("image", datatype, (1, side, side, 3), None)], (), 0)
    with pytest.raises(
        errors.InvalidArgument, match="have 268,435,456 pixels together, but at most 256,000,000"
    ):
        requests.plan(request, IMAGES)


@pytest.mark.parametrize(("inputs", "outputs"), [(65, 0), (1, 9), (100_000, 0), (1, 100_000)])
def test_tensors_are_counted_before_any_is_looked_at(inputs, outputs):
    with pytest.raises(
        errors.InvalidArgument, match=r"expected 1 inputs but got|no request may name more than 8"
    ):
        requests.check_counts(inputs, outputs, MODEL)
    requests.check_counts(64, 8, MODEL)


@pytest.mark.parametrize("at", [0, 16_383, 16_384, 40_000])
def test_a_value_that_is_no_number_is_found_wherever_it_is(at):
    values = [1.0] * 40_001
    planned = requests.Planned(
        "x", "m", models.TensorSpec("x", "FP32", (-1, 1)), (40_001, 1), 4 * 40_001, False
    )
    planned.read(struct.pack("<40001f", *values))
    values[at] = math.inf
    with pytest.raises(errors.InvalidArgument, match=rf"row {at} has NaN or infinity"):
        planned.read(struct.pack("<40001f", *values))


@pytest.mark.parametrize(
    ("datatype", "is_picture", "count", "slow"),
    [("FP32", False, 300 << 10, True), ("FP32", False, 200 << 10, False), ("FP32", True, 1 << 20, False),
     ("BYTES", False, 1 << 20, True), ("BYTES", True, 1 << 20, False), ("UINT8", False, 1 << 20, False)],
)  # fmt: skip
def test_values_that_are_looked_at_take_long_where_there_are_many(datatype, is_picture, count, slow):
    planned = requests.Planned("x", "m", models.TensorSpec("x", datatype, (-1,)), (1,), -1, is_picture)
    assert planned.is_slow(count) == slow
