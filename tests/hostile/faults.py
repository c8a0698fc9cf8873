"""Requests that are refused, drawn from a seed: what is wrong with each, and what its refusal must say."""

from __future__ import annotations

import dataclasses
import random
import struct
from collections.abc import Callable, Sequence

import grpc

from bessemer.inference.v2 import inference_pb2 as pb
from tests.hostile import files, subjects
from tests.hostile.subjects import FILES, GENERATOR, IMAGE, SUBJECTS, TABLE, TEXT, Subject

INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
Tensor = pb.ModelInferRequest.InferInputTensor
BATCHED = (TABLE, IMAGE, FILES, TEXT)
FIXED = (TABLE, IMAGE, GENERATOR)
"""Whose datatypes have a fixed size."""
DATATYPES = (
    "BOOL",
    "INT8",
    "UINT16",
    "INT64",
    "FP16",
    "BF16",
    "FP64",
    "fp32",
    "STRING",
    "",
    "FP32\0",
    "F" * 5000,
)


@dataclasses.dataclass(frozen=True, slots=True)
class Bad:
    """A request that must be refused."""

    kind: str
    request: pb.ModelInferRequest
    words: str
    """That the refusal has: the input at fault, or what else it is."""
    code: grpc.StatusCode = INVALID


Spoil = Callable[[random.Random, pb.ModelInferRequest], str]
"""Makes a sound request bad, and says which words its refusal must have."""


def choose(draw: random.Random, request: pb.ModelInferRequest) -> int:
    """One of its inputs."""
    return draw.randrange(len(request.inputs))


def _with_shape(change: Callable[[random.Random, list[int]], list[int]]) -> Spoil:
    def spoil(draw: random.Random, request: pb.ModelInferRequest) -> str:
        tensor = request.inputs[choose(draw, request)]
        changed = change(draw, list(tensor.shape))
        tensor.ClearField("shape")
        tensor.shape.extend(changed)
        return f"input '{tensor.name}'"

    return spoil


def _replace_one(values: Sequence[int]) -> Spoil:
    def change(draw: random.Random, shape: list[int]) -> list[int]:
        shape[draw.randrange(len(shape))] = draw.choice(values)
        return shape

    return _with_shape(change)


def _wrap_around(draw: random.Random, shape: list[int]) -> list[int]:
    """Rows whose bytes, counted in 64 or 32 bits, are those that came."""
    shape[0] += 2 ** draw.choice((30, 32, 58, 60, 62))
    return shape


def _add_axes(draw: random.Random, shape: list[int]) -> list[int]:
    return shape + [draw.choice((1, 1, 2**62))] * draw.choice((1, 2, 5_000))


def _change_size(draw: random.Random, request: pb.ModelInferRequest) -> str:
    index = choose(draw, request)
    raw, by = request.raw_input_contents[index], draw.choice((1, 3, 8, 1000))
    request.raw_input_contents[index] = draw.choice((raw[:-by], raw + draw.randbytes(by), b""))
    return f"input '{request.inputs[index].name}'"


def _change_datatype(draw: random.Random, request: pb.ModelInferRequest) -> str:
    tensor = request.inputs[choose(draw, request)]
    tensor.datatype = draw.choice([name for name in DATATYPES if name != tensor.datatype])
    return f"input '{tensor.name}'"


def _be_raw_and_typed(draw: random.Random, request: pb.ModelInferRequest) -> str:
    tensor = request.inputs[choose(draw, request)]
    tensor.contents.fp32_contents.append(1.0)
    return f"'{tensor.name}'"


def _have_no_contents(draw: random.Random, request: pb.ModelInferRequest) -> str:
    request.ClearField("raw_input_contents")
    return f"input tensor '{request.inputs[0].name}'"


def _have_other_count(draw: random.Random, request: pb.ModelInferRequest) -> str:
    request.raw_input_contents.extend([b""] * draw.choice((1, 100)))
    return "raw input contents"


def _type_wrongly(draw: random.Random, request: pb.ModelInferRequest) -> str:
    """Typed contents in a field of another datatype, or in two."""
    request.ClearField("raw_input_contents")
    tensor = request.inputs[0]
    tensor.contents.bool_contents.append(True)
    if draw.random() < 0.5:
        tensor.contents.uint_contents.append(2**32 - 1)
    return f"input tensor '{tensor.name}'"


def _type_other_count(draw: random.Random, request: pb.ModelInferRequest) -> str:
    request.ClearField("raw_input_contents")
    tensor, count = request.inputs[0], draw.choice((3, 65, 5_000))
    if tensor.datatype == "FP32":
        tensor.contents.fp32_contents.extend([1.0] * count)
    elif tensor.datatype == "UINT8":
        tensor.contents.uint_contents.extend([1] * count)
    else:
        tensor.contents.bytes_contents.extend([b"word"] * count)
    return f"input '{tensor.name}'"


def _type_out_of_range(draw: random.Random, request: pb.ModelInferRequest) -> str:
    request.ClearField("raw_input_contents")
    tensor = request.inputs[0]
    tensor.contents.uint_contents.extend([0] * 63 + [draw.choice((256, 2**32 - 1))])
    return f"input tensor '{tensor.name}'"


def _be_not_finite(draw: random.Random, request: pb.ModelInferRequest) -> str:
    value = draw.choice((float("nan"), float("inf"), float("-inf")))
    values = [1.0, 2.0, 3.0, 4.0]
    values[draw.randrange(4)] = value
    if draw.random() < 0.5:
        request.raw_input_contents[0] = struct.pack("<4f", *values)
    else:
        request.ClearField("raw_input_contents")
        request.inputs[0].contents.fp32_contents.extend(values)
    return "input 'features'"


def _lack_an_input(draw: random.Random, request: pb.ModelInferRequest) -> str:
    index = choose(draw, request)
    name = request.inputs[index].name
    del request.inputs[index]
    del request.raw_input_contents[index]
    return f"'{name}'"


def _have_another_input(draw: random.Random, request: pb.ModelInferRequest) -> str:
    name = draw.choice(("", "\0", "x", "Features", "n" * 200_000, "../..", "%s%n", "\N{SNOWMAN}\n"))
    request.inputs.add(name=name, datatype="FP32", shape=[1])
    request.raw_input_contents.append(bytes(4))
    return f"unexpected inference input '{name[:40]}"


def _repeat_an_input(draw: random.Random, request: pb.ModelInferRequest) -> str:
    index = choose(draw, request)
    request.inputs.add().CopyFrom(request.inputs[index])
    request.raw_input_contents.append(request.raw_input_contents[index])
    return f"input '{request.inputs[index].name}'"


def _repeat_an_output(draw: random.Random, request: pb.ModelInferRequest) -> str:
    for _ in range(draw.choice((9, 100, 2_000))):
        request.outputs.add(name="probabilities")
    return "outputs are asked for"


def _ask_for_another_output(draw: random.Random, request: pb.ModelInferRequest) -> str:
    name = draw.choice(("", "x", "PROBABILITIES", "logits", "o" * 200_000))
    request.outputs.add(name=name)
    return f"unexpected inference output '{name[:40]}"


def _have_wrong_parameters(draw: random.Random, request: pb.ModelInferRequest) -> str:
    name = draw.choice(("priority", "timeout", "triton_secret", "own"))
    parameter = request.parameters[name]
    if name in ("priority", "timeout") and draw.random() < 0.5:
        parameter.int64_param = -draw.getrandbits(63) - 1
    elif name == "triton_secret":
        parameter.bool_param = True
    elif name in ("priority", "timeout"):
        parameter.string_param = "1"
    return f"'{name}'"


def _ask_for_wrong_classes(draw: random.Random, request: pb.ModelInferRequest) -> str:
    parameter = request.outputs.add(name="probabilities").parameters["classification"]
    if draw.random() < 0.5:
        parameter.int64_param = draw.choice((0, -1, -(2**63)))
    else:
        parameter.string_param = "3"
    return "'classification'"


def _share_half(draw: random.Random, request: pb.ModelInferRequest) -> str:
    tensor = request.inputs[choose(draw, request)]
    name = draw.choice(("shared_memory_region", "shared_memory_byte_size", "shared_memory_offset"))
    setattr(tensor.parameters[name], *draw.choice((("string_param", "r"), ("int64_param", -(2**63)))))
    return f"input '{tensor.name}'"


def _share_unknown(draw: random.Random, request: pb.ModelInferRequest) -> str:
    parameters = request.inputs[choose(draw, request)].parameters
    parameters["shared_memory_region"].string_param = draw.choice(("/dev/shm/x", "../x", "", "r" * 5000))
    parameters["shared_memory_byte_size"].int64_param = draw.choice((0, -1, 2**63 - 1))
    return "Unable to find shared memory region"


def _send_other_file(draw: random.Random, request: pb.ModelInferRequest) -> str:
    request.raw_input_contents[0] = subjects.pack(files.draw_faulty(draw))
    return "input 'image'"


def _lie_in_a_prefix(draw: random.Random, request: pb.ModelInferRequest) -> str:
    raw = request.raw_input_contents[0]
    length = draw.choice((2**32 - 1, 2**31, len(raw) - 3, len(raw) - 5, 0))
    request.raw_input_contents[0] = struct.pack("<I", length) + raw[4:]
    return f"input '{request.inputs[0].name}'"


def _send_no_text(draw: random.Random, request: pb.ModelInferRequest) -> str:
    text = draw.choice((b"", b" \t\n", b"a\xff", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xc0\xaf"))
    request.raw_input_contents[0] = subjects.pack(text)
    return "input 'text'"


def _ask_for_another_count(draw: random.Random, request: pb.ModelInferRequest) -> str:
    request.raw_input_contents[0] = struct.pack("<i", draw.choice((0, -1, 1025, 2**31 - 1, -(2**31))))
    return "count"


def _ask_for_another_version(draw: random.Random, request: pb.ModelInferRequest) -> str:
    request.model_version = draw.choice(
        ("0", "-1", "1.0", "1one", "9" * 30, "\N{FULLWIDTH DIGIT ONE}", "v" * 9_000)
    )
    return f"'{request.model_version[:40]}"


FAULTS: tuple[tuple[str, Spoil, Sequence[Subject]], ...] = (
    ("zero dims", _replace_one((0,)), SUBJECTS),
    ("negative dims", _replace_one((-1, -2, -(2**63))), SUBJECTS),
    ("huge dims", _replace_one((2**31, 2**32 + 1, 2**62, 2**63 - 1)), SUBJECTS),
    ("rows that are not there", _with_shape(lambda draw, s: [s[0] + draw.choice((1, 63, 4000)), *s[1:]]), SUBJECTS),
    ("a product that overflows", _with_shape(_wrap_around), SUBJECTS),
    ("axes too many", _with_shape(_add_axes), SUBJECTS),
    ("no axes", _with_shape(lambda draw, shape: []), SUBJECTS),
    ("bytes too few or many", _change_size, SUBJECTS),
    ("another datatype", _change_datatype, SUBJECTS),
    ("raw and typed", _be_raw_and_typed, SUBJECTS),
    ("no contents", _have_no_contents, SUBJECTS),
    ("raw contents too many", _have_other_count, SUBJECTS),
    ("typed in another field", _type_wrongly, SUBJECTS),
    ("typed values too few or many", _type_other_count, (TABLE, IMAGE, TEXT)),
    ("typed values out of range", _type_out_of_range, (IMAGE,)),
    ("not finite", _be_not_finite, (TABLE,)),
    ("an input too few", _lack_an_input, SUBJECTS),
    ("an input too many", _have_another_input, SUBJECTS),
    ("an input twice", _repeat_an_input, SUBJECTS),
    ("an unknown output", _ask_for_another_output, SUBJECTS),
    ("an output again and again", _repeat_an_output, SUBJECTS),
    ("parameters", _have_wrong_parameters, SUBJECTS),
    ("classification", _ask_for_wrong_classes, BATCHED),
    ("half a place in shared memory", _share_half, SUBJECTS),
    ("an unknown region", _share_unknown, SUBJECTS),
    ("a file that is no picture", _send_other_file, (FILES,)),
    ("a length that lies", _lie_in_a_prefix, (FILES, TEXT)),
    ("bytes that are no text", _send_no_text, (TEXT,)),
    ("a count out of range", _ask_for_another_count, (GENERATOR,)),
    ("a version that is none", _ask_for_another_version, SUBJECTS),
)  # fmt: skip

CODES = {"an unknown region": NOT_FOUND}
"""Of the kinds that are not INVALID_ARGUMENT."""


def draw_bad(draw: random.Random) -> Bad:
    """One fault in a request that is sound otherwise."""
    kind, spoil, suited = draw.choice(FAULTS)
    subject = draw.choice(suited)
    if draw.random() < 0.04:
        return _draw_unknown(draw, subject)
    request = subjects.make_request(subject.model, subject.draw(draw))
    words = spoil(draw, request)
    return Bad(kind, request, words, CODES.get(kind, INVALID))


def _draw_unknown(draw: random.Random, subject: Subject) -> Bad:
    name = draw.choice(
        ("", "nothing", f"{subject.model}s", "m" * 100_000, "a\0b", "'; DROP TABLE models; --")
    )
    request = subjects.make_request(name, subject.draw(draw))
    if draw.random() < 0.2:
        request.model_name, request.model_version = subject.model, draw.choice(("99", "champion"))
    return Bad("a model that is not there", request, f"'{request.model_name[:40]}", NOT_FOUND)
