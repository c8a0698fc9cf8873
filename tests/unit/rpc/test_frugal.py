"""Requests are looked through before they are decoded: sound ones pass whatever they are made of, greedy ones do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.domain import errors
from bessemer_server.rpc.inference import frugal

NAMES = st.text(max_size=9)


@st.composite
def requests(draw):
    request = pb.ModelInferRequest(model_name=draw(NAMES), id=draw(NAMES))
    for name in draw(st.lists(NAMES, max_size=3)):
        request.parameters[name].int64_param = draw(st.integers(-(2**63), 2**63 - 1))
        tensor = request.inputs.add(
            name=name, shape=draw(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5))
        )
        tensor.contents.fp32_contents.extend(draw(st.lists(st.floats(width=32), max_size=9)))
        tensor.contents.bytes_contents.extend(draw(st.lists(st.binary(max_size=300), max_size=9)))
        request.outputs.add(name=name).parameters["classification"].double_param = 1.5
    request.raw_input_contents.extend(draw(st.lists(st.binary(max_size=300), max_size=3)))
    return request


def check_contents(asked, rest):
    """That the typed ones are those of the whole message, which then has none."""
    assert list(asked.typed) == [i for i, tensor in enumerate(rest.inputs) if tensor.HasField("contents")]
    for i, parts in asked.typed.items():
        found = pb.InferTensorContents.FromString(b"".join(parts))
        assert found.SerializeToString() == rest.inputs[i].contents.SerializeToString()  # NaN is not itself
        rest.inputs[i].ClearField("contents")


@given(requests())
def test_what_a_client_makes_passes(request):
    data = request.SerializeToString()
    for small in (0, len(data)):  # read where it lies, and decoded
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(frugal, "SMALL_BYTES", small)
            asked = frugal.decode(data)
        assert list(asked.raw) == list(request.raw_input_contents)
        assert asked.size_bytes == len(data)
        rest = pb.ModelInferRequest.FromString(data)
        if not small:
            check_contents(asked, rest)
            rest.ClearField("raw_input_contents")
        assert asked.message.SerializeToString(deterministic=True) == rest.SerializeToString(
            deterministic=True
        )


@given(requests(), requests())
def test_raw_contents_are_found_wherever_they_lie(first, second):
    """Messages one behind the other are one message."""
    data = first.SerializeToString() + second.SerializeToString()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frugal, "SMALL_BYTES", 0)
        asked = frugal.decode(data)
    assert list(asked.raw) == [*first.raw_input_contents, *second.raw_input_contents]
    assert asked.message.model_name == (second.model_name or first.model_name)
    assert len(asked.message.inputs) == len(first.inputs) + len(second.inputs)
    check_contents(asked, pb.ModelInferRequest.FromString(data))


def test_contents_that_lie_in_parts_are_found_together():
    """A field of one message that comes twice is one, and so may be nothing."""
    contents = b"\x2a\x03\x22\x01\x07" + b"\x2a\0" + b"\x2a\x04\x22\x02\x08\x09"
    data = b"\x2a\x02\x0a\0" + b"\x2a" + bytes([len(contents)]) + contents
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frugal, "SMALL_BYTES", 0)
        asked = frugal.decode(data)
    assert {i: b"".join(parts) for i, parts in asked.typed.items()} == {1: b"\x22\x01\x07\x22\x02\x08\x09"}
    check_contents(asked, pb.ModelInferRequest.FromString(data))


@pytest.mark.parametrize(
    "data",
    [b"\x2a\x03\x2a\x02\x22" + b"\x01\x01", b"\x2a\x02\x2a\x04" + b"\x22\x02\x01\x01"],
    ids=["a field beyond its contents", "contents beyond their input"],
)
def test_what_ends_behind_what_it_lies_in_is_no_message(data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frugal, "SMALL_BYTES", 0)
        with pytest.raises(ValueError, match="longer than the message that has it"):
            frugal.decode(data)


def test_large_contents_pass_raw_typed_and_as_many_texts():
    request = pb.ModelInferRequest(raw_input_contents=[bytes(1 << 20)])
    request.inputs.add(name="x").contents.fp32_contents.extend([1.0] * 100_000)
    request.inputs.add(name="text").contents.bytes_contents.extend([b"word"] * 4096)
    asked = frugal.decode(request.SerializeToString())
    assert list(asked.raw) == [bytes(1 << 20)]
    check_contents(asked, request)
    request.ClearField("raw_input_contents")
    assert asked.message == request


@pytest.mark.parametrize(
    ("tail", "words"),
    [
        (b"\x2a\0" * 50_000, "more than 6,000 tensors"),
        (b"\x22\0" * 50_000, "more than 6,000 tensors"),
        (b"\x2a\x80\x80\x04" + b"\x42\0" * 32_768, "more than 6,000 tensors"),
        (b"\x2a\x84\x80\x04\x1a\x80\x80\x04" + bytes(65_536), "the shape of an input has 65,536 bytes"),
    ],
    ids=["inputs", "parameters", "fields of an input", "shape"],
)
def test_what_is_small_on_the_wire_and_large_in_memory_is_refused(tail, words):
    with pytest.raises(errors.InvalidArgument, match=words):
        frugal.decode(tail)


def test_typed_contents_beyond_all_measure_are_refused(monkeypatch):
    monkeypatch.setattr(frugal, "MAX_TYPED_BYTES", 100_000)
    request = pb.ModelInferRequest()
    request.inputs.add(name="x").contents.int64_contents.extend([0] * 100_001)
    with pytest.raises(
        errors.InvalidArgument, match="typed contents of a request have more than 100,000 bytes"
    ):
        frugal.decode(request.SerializeToString())


def fill_id(request, size):
    request.id = "i" * size


def fill_parameter(request, size):
    request.parameters["p"].string_param = "i" * size


def fill_names(request, size):
    for _ in range(10):
        request.outputs.add(name="i" * (size // 10))


def fill_input(request, size):
    request.inputs.add(name="i" * size)


@pytest.mark.parametrize(
    ("fill", "passes", "fails"),
    [
        (fill_id, frugal.MAX_ID_BYTES, frugal.MAX_ID_BYTES + 1),
        (fill_parameter, 1_000_000, frugal.MAX_TEXT_BYTES + 1),
        (fill_names, 1_000_000, frugal.MAX_TEXT_BYTES + 10),
        (fill_input, 1_000_000, frugal.MAX_TEXT_BYTES + 1),
    ],
)
def test_texts_that_would_be_decoded_while_everybody_waits_are_refused(fill, passes, fails):
    for size in (passes, fails):
        request = pb.ModelInferRequest(model_name="m", raw_input_contents=[bytes(1 << 20)])
        fill(request, size)
        data = request.SerializeToString()
        if size == passes:
            assert frugal.decode(data).message.model_name == "m"
        else:
            with pytest.raises(errors.InvalidArgument, match="the id of a request has at most 65,536 bytes"):
                frugal.decode(data)
