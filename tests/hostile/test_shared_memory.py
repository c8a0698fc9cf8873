"""Shared memory in the hands of clients that lie, cut it, write it while it is read, and ask for what is not theirs."""

from __future__ import annotations

import contextlib
import os
import pathlib
import random
import secrets
import struct
import threading
import time

import grpc
import numpy as np
import pytest

import bessemer
from bessemer.inference.v2 import inference_pb2 as pb
from tests.fix_service import Service

MODEL = "shared-table"
ROW = struct.pack("<4f", 5.1, 3.5, 1.4, 0.2)
INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
HUGE = 2**63 - 1
SERVICE = "/inference.GRPCInferenceService"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """Of its own, with a table and a model of pictures."""
    started = Service(tmp_path_factory.mktemp("sharing") / "data", "--slots", "1")
    started.start()
    with bessemer.connect(started.address) as client:
        client.train("mlp", dataset="iris", name=MODEL, epochs=5).wait(progress=False)
    yield started
    started.close()


class Caller:
    """The calls, message by message."""

    def __init__(self, channel):
        self._channel = channel

    def call(self, method, request, answer):
        made = self._channel.unary_unary(
            f"{SERVICE}/{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=answer.FromString,
        )
        return made(request, timeout=60)

    def register(self, name, key, byte_size, offset=0):
        request = pb.SystemSharedMemoryRegisterRequest(name=name, key=key, offset=offset, byte_size=byte_size)
        self.call("SystemSharedMemoryRegister", request, pb.SystemSharedMemoryRegisterResponse)

    def unregister(self):
        request = pb.SystemSharedMemoryUnregisterRequest()
        self.call("SystemSharedMemoryUnregister", request, pb.SystemSharedMemoryUnregisterResponse)

    def names(self):
        request = pb.SystemSharedMemoryStatusRequest()
        return set(
            self.call("SystemSharedMemoryStatus", request, pb.SystemSharedMemoryStatusResponse).regions
        )

    def infer(self, request):
        return self.call("ModelInfer", request, pb.ModelInferResponse)


@pytest.fixture
def caller(service):
    """Whatever a test has done, an honest request is answered at its end: nobody starts a server that has died again."""
    with grpc.insecure_channel(service.address) as channel:
        made = Caller(channel)
        honest = read_scores(made.infer(ask()))
        yield made
        made.unregister()
        np.testing.assert_allclose(read_scores(made.infer(ask())), honest, rtol=1e-4, atol=1e-6)


@pytest.fixture
def make_object():
    """Objects of shared memory, as files."""
    with contextlib.ExitStack() as stack:

        def make(content):
            path = pathlib.Path("/dev/shm", f"bessemer-{secrets.token_hex(8)}")
            path.write_bytes(content)
            stack.callback(path.unlink)
            return path

        yield make


def place(tensor, region="r", byte_size=16, offset=0):
    tensor.parameters["shared_memory_region"].string_param = region
    tensor.parameters["shared_memory_byte_size"].int64_param = byte_size
    tensor.parameters["shared_memory_offset"].int64_param = offset


def ask(rows=1, *, shared=False, **where):
    request = pb.ModelInferRequest(model_name=MODEL)
    tensor = request.inputs.add(name="features", datatype="FP32", shape=[rows, 4])
    if shared:
        place(tensor, **where)
    else:
        request.raw_input_contents.append(ROW * rows)
    return request


def read_scores(answer):
    return np.frombuffer(answer.raw_output_contents[0], np.float32)


def refuse(call, *arguments, **named):
    """How a call is refused."""
    with pytest.raises(grpc.RpcError) as refused:
        call(*arguments, **named)
    return refused.value.code(), refused.value.details()


@pytest.mark.parametrize(
    "key", ["", "/", "..", "../etc/passwd", "/etc/passwd", "/dev/shm/../../etc/passwd", "a/b", "k" * 100_000]
)
def test_keys_name_objects_of_shared_memory_and_no_files(caller, key):
    code, words = refuse(caller.register, "r", key, 16)
    assert code is INVALID
    assert "Unable to open shared memory region" in words
    assert not caller.names()


def test_a_link_out_of_shared_memory_is_not_followed(caller, make_object, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(ROW)
    link = make_object(b"")
    link.unlink()
    link.symlink_to(secret)
    assert refuse(caller.register, "r", link.name, 16)[0] is INVALID


def test_a_pipe_holds_nobody_up(caller, make_object):
    pipe = make_object(b"")
    pipe.unlink()
    os.mkfifo(pipe)
    code, words = refuse(caller.register, "r", pipe.name, 16)
    assert (code, "no shared memory object" in words) == (INVALID, True)


@pytest.mark.parametrize(
    ("byte_size", "offset", "code"),
    [
        (17, 0, INVALID),
        (1, 16, INVALID),
        (16, 2**64 - 16, INVALID),
        (2**36 - 1, 2**64 - 1, INVALID),
        (2**64 - 1, 1, EXHAUSTED),
        (2**63, 2**63, EXHAUSTED),
        (0, 0, INVALID),
    ],
)
def test_a_region_that_the_object_does_not_have_is_refused(caller, make_object, byte_size, offset, code):
    assert refuse(caller.register, "r", make_object(ROW).name, byte_size, offset)[0] is code


def test_there_is_an_end_to_regions(caller, make_object):
    key = make_object(ROW).name
    for n in range(256):
        caller.register(str(n), key, 16)
    code, words = refuse(caller.register, "one more", key, 16)
    assert (code, "unregister some" in words) == (EXHAUSTED, True)
    code, words = refuse(caller.infer, ask(shared=True, region="nothing"))
    assert code is NOT_FOUND
    assert "and 244 more" in words


@pytest.mark.parametrize("kind", ["inputs", "outputs"])
@pytest.mark.parametrize(
    ("byte_size", "offset"),
    [
        *((16, 17), (16, 32), (16, -1), (16, -(2**63)), (16, HUGE), (HUGE, 1), (HUGE, HUGE)),
        *((-1, 0), (-(2**63), 0), (33, 0), (2**32 + 16, 0)),
    ],
)
def test_what_lies_outside_of_a_region_is_refused(caller, make_object, kind, byte_size, offset):
    caller.register("r", make_object(ROW * 3).name, 32, 8)
    request = ask()
    request.outputs.add(name="probabilities")
    if kind == "inputs":
        del request.raw_input_contents[:]
    place(getattr(request, kind)[0], byte_size=byte_size, offset=offset)
    code, words = refuse(caller.infer, request)
    assert (code, "Invalid offset" in words) == (INVALID, True)


@pytest.mark.parametrize("byte_size", [0, 15, 17, 32])
def test_bytes_that_do_not_match_the_shape_are_refused(caller, make_object, byte_size):
    caller.register("r", make_object(ROW * 2).name, 32)
    code, words = refuse(caller.infer, ask(shared=True, byte_size=byte_size))
    assert (code, f"Expected 16, got {byte_size}" in words) == (INVALID, True)


def test_an_output_that_does_not_fit_leaves_the_others_unwritten(caller, make_object):
    file = make_object(bytes(64))
    caller.register("r", file.name, 64)
    request = ask()
    place(request.outputs.add(name="probabilities"), byte_size=12)
    place(request.outputs.add(name="class"), byte_size=7, offset=16)
    code, words = refuse(caller.infer, request)
    assert code is INVALID
    assert "for output 'class' (7 bytes) should be at least 8 bytes to hold the results" in words
    assert file.read_bytes() == bytes(64)


def test_tensors_that_overlap_are_read_first_and_written_in_their_order(caller, make_object):
    file = make_object(ROW)
    caller.register("r", file.name, 16)
    caller.register("same", file.name, 16)
    request = ask(shared=True)
    for region in ("r", "same", "r"):
        place(request.outputs.add(name="probabilities"), region=region)
    expected = read_scores(caller.infer(ask()))
    caller.infer(request)
    np.testing.assert_allclose(np.frombuffer(file.read_bytes()[:12], np.float32), expected, rtol=1e-4)


@pytest.mark.parametrize("shared", ["input", "output"])
def test_an_object_that_was_cut_kills_nobody(caller, make_object, shared):
    file = make_object(ROW)
    caller.register("r", file.name, 16)
    request = ask(shared=shared == "input")
    if shared == "output":
        place(request.outputs.add(name="probabilities"))
    caller.infer(request)
    for left in (3, 0):
        os.truncate(file, left)
        code, words = refuse(caller.infer, request)
        assert (code, "has become shorter" in words) == (INVALID, True)
        assert file.stat().st_size == left  # and no answer made it longer
    file.write_bytes(ROW)
    caller.infer(request)


def test_an_object_that_is_cut_while_it_is_used_kills_nobody(caller, make_object):
    rows = 4000
    file = make_object(ROW * rows)
    caller.register("r", file.name, 16 * rows)
    request = ask(rows, shared=True, byte_size=16 * rows)
    place(request.outputs.add(name="probabilities"), byte_size=16 * rows)

    def cut():
        for size in (5, 16 * rows):
            os.truncate(file, size)

    with doing(cut):
        for _ in range(100):
            with contextlib.suppress(grpc.RpcError):
                caller.infer(request)


@contextlib.contextmanager
def doing(act):
    """Again and again beside the test."""
    stop = threading.Event()

    def run():
        while not stop.is_set():
            act()

    beside = threading.Thread(target=run)
    beside.start()
    try:
        yield
    finally:
        stop.set()
        beside.join()


def test_what_is_checked_is_what_is_computed(caller, make_object):
    """NaN, written while a request is under way, is refused or not seen: it never reaches a model."""
    rows = 4000
    file = make_object(ROW * rows)
    caller.register("r", file.name, 16 * rows)
    request = ask(rows, shared=True, byte_size=16 * rows)
    expected = read_scores(caller.infer(request))
    draw, contents = random.Random(1), (struct.pack("<4f", *[float("nan")] * 4) * rows, ROW * rows)
    refusals = set()
    with file.open("r+b", buffering=0) as writing:

        def change():
            for content in contents:
                os.pwrite(writing.fileno(), content, 0)
                time.sleep(
                    draw.uniform(0, 0.004)
                )  # about as long as a request is checked, so that some changes come behind

        with doing(change):
            for _ in range(300):
                try:
                    np.testing.assert_allclose(read_scores(caller.infer(request)), expected, rtol=1e-3)
                except grpc.RpcError as error:
                    refusals.add((error.code(), "must be finite" in str(error.details())))
    assert refusals <= {(INVALID, True)}


def test_regions_of_others_are_reached_by_their_names_alone(caller, make_object):
    """Two objects side by side: what one request names is all that it reads and writes."""
    one, other = make_object(ROW + b"\xaa" * 4096), make_object(b"\xbb" * 4096)
    caller.register("one", one.name, 32)
    caller.register("other", other.name, 4096)
    request = ask(shared=True, region="one")
    place(request.outputs.add(name="probabilities"), region="one", offset=16)
    caller.infer(request)
    assert other.read_bytes() == b"\xbb" * 4096
    assert one.read_bytes()[28:] == b"\xaa" * 4084


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("shared_memory_region", "int64_param", 1),
        ("shared_memory_region", "bool_param", True),
        ("shared_memory_byte_size", "string_param", "16"),
        ("shared_memory_byte_size", "double_param", 16.0),
        ("shared_memory_offset", "uint64_param", 0),
        ("shared_memory_offset", "bool_param", False),
    ],
)
def test_parameters_of_another_kind_are_refused_by_name(caller, make_object, name, kind, value):
    caller.register("r", make_object(ROW).name, 16)
    request = ask(shared=True)
    setattr(request.inputs[0].parameters[name], kind, value)
    code, words = refuse(caller.infer, request)
    assert (code, f"'{name}'" in words, "input 'features'" in words) == (INVALID, True, True)


def test_contents_beside_shared_memory_are_refused(caller, make_object):
    caller.register("r", make_object(ROW).name, 16)
    typed = ask(shared=True)
    typed.inputs[0].contents.fp32_contents.extend([1, 2, 3, 4])
    code, words = refuse(caller.infer, typed)
    assert (code, "unexpected contents" in words) == (INVALID, True)
    raw = ask(shared=True)
    raw.raw_input_contents.append(ROW)
    code, words = refuse(caller.infer, raw)
    assert (code, "does not match the number of raw input contents" in words) == (INVALID, True)


def test_small_requests_cannot_ask_for_all_memory(service, caller, make_object):
    """Each of them names as much as a message may have, of an object that takes none."""
    file = make_object(b"")
    os.truncate(file, 1 << 30)
    caller.register("r", file.name, 1 << 30)
    code, words = refuse(caller.infer, ask(shared=True, byte_size=1 << 30))
    assert (code, "at most 268,435,456" in words) == (INVALID, True)
    with grpc.insecure_channel(service.address) as channel:
        call = channel.unary_unary(
            f"{SERVICE}/ModelInfer", response_deserializer=pb.ModelInferResponse.FromString
        )
        body = ask(shared=True, byte_size=1 << 28).SerializeToString()
        pending = [call.future(body, timeout=120) for _ in range(30)]
        assert {each.code() for each in pending} <= {INVALID, EXHAUSTED}
    assert file.stat().st_blocks == 0
