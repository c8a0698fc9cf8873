"""Tensors in shared memory: an unmodified tritonclient on the same machine sends none, and is sent none."""

import contextlib
import queue
import random
import secrets

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import InferenceServerException, shared_memory, triton_to_np_dtype

import bessemer
from bessemer.inference.v2 import inference_pb2 as pb
from tests.fix_service import Service
from tests.hostile import subjects

MODES = ("inputs", "outputs", "both")
OUTPUT_BYTES = 1024


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """Of its own: regions are of all its clients."""
    started = Service(tmp_path_factory.mktemp("sharing") / "data", "--slots", "1")
    started.start()
    with bessemer.connect(started.address) as client:
        subjects.learn(client, tmp_path_factory.mktemp("texts"))
    yield started
    started.close()


@pytest.fixture
def server(service):
    with triton.InferenceServerClient(service.address) as connected:
        yield connected
        connected.unregister_system_shared_memory()


@pytest.fixture
def make_region():
    """Objects of tritonclient's own making."""
    with contextlib.ExitStack() as stack:

        def make(name="r", size=8192):
            handle = shared_memory.create_shared_memory_region(
                name, f"/bessemer-{secrets.token_hex(8)}", size
            )
            stack.callback(shared_memory.destroy_shared_memory_region, handle)
            return handle

        yield make


def key(handle):
    return handle._shm_key


def buffer(handle):
    return handle._mpsm_handle.buf


class Shared:
    """A request whose tensors lie in the region `r`, one behind the other, with something between them."""

    def __init__(self, handle, given, outputs, mode):
        self.handle, self.inputs, self.outputs, self.offsets = handle, [], [], {}
        offset = 8
        for each in given:
            tensor = triton.InferInput(each.name, list(each.shape), each.datatype)
            if mode == "outputs":
                tensor._raw_content = each.raw
            else:
                buffer(handle)[offset : offset + len(each.raw)] = each.raw
                tensor.set_shared_memory("r", len(each.raw), offset)
                offset += len(each.raw) + 8
            self.inputs.append(tensor)
        for name in outputs:
            wanted = triton.InferRequestedOutput(name)
            if mode != "inputs":
                wanted.set_shared_memory("r", OUTPUT_BYTES, offset)
                self.offsets[name] = offset
                offset += OUTPUT_BYTES
            self.outputs.append(wanted)

    def read(self, answer, name):
        if name not in self.offsets:
            return answer.as_numpy(name)
        output = answer.get_output(name)
        dtype = triton_to_np_dtype(output.datatype)
        found = shared_memory.get_contents_as_numpy(
            self.handle, dtype, list(output.shape), self.offsets[name]
        )
        return np.array(found)


def send(given, outputs):
    """The same with all in messages."""
    inputs = []
    for each in given:
        inputs.append(triton.InferInput(each.name, list(each.shape), each.datatype))
        inputs[-1]._raw_content = each.raw
    return inputs, [triton.InferRequestedOutput(name) for name in outputs]


def outputs_of(subject):
    return ("probabilities", "class", "label") if subject.is_batched else ("images",)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("index", range(len(subjects.SUBJECTS)))
def test_every_datatype_goes_through_shared_memory(server, make_region, index, mode):
    subject = subjects.SUBJECTS[index]
    given, names = subject.draw(random.Random(index)), outputs_of(subject)
    expected = server.infer(subject.model, *send(given, names)[:1], outputs=send(given, names)[1])
    handle = make_region()
    server.register_system_shared_memory("r", key(handle), 8192)
    shared = Shared(handle, given, names, mode)
    answer = server.infer(subject.model, shared.inputs, outputs=shared.outputs)
    for position, name in enumerate(names):
        np.testing.assert_array_equal(shared.read(answer, name), expected.as_numpy(name))
        raw = answer.get_response().raw_output_contents[position]
        assert bool(raw) == (mode == "inputs")  # nothing is sent that is shared


def test_pixels_as_floats_and_of_another_size_do_too(server, make_region):
    pixels = np.arange(2 * 12 * 10 * 3, dtype=np.float32).reshape(2, 12, 10, 3) % 255
    plain = triton.InferInput("image", [2, 12, 10, 3], "FP32")
    plain.set_data_from_numpy(pixels)
    expected = server.infer(subjects.IMAGE.model, [plain]).as_numpy("probabilities")
    handle = make_region()
    shared_memory.set_shared_memory_region(handle, [pixels])
    server.register_system_shared_memory("r", key(handle), 8192)
    plain.set_shared_memory("r", pixels.nbytes)
    found = server.infer(subjects.IMAGE.model, [plain]).as_numpy("probabilities")
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("position", [0, 1])
def test_inputs_in_messages_and_in_shared_memory_go_together(server, make_region, position):
    given = subjects.draw_seed(random.Random(1))
    expected = server.infer(subjects.GENERATOR.model, send(given, ())[0]).as_numpy("images")
    handle = make_region()
    server.register_system_shared_memory("r", key(handle), 8192)
    inputs = send(given, ())[0]
    inputs[position] = Shared(handle, given, (), "inputs").inputs[position]
    found = server.infer(subjects.GENERATOR.model, inputs).as_numpy("images")
    np.testing.assert_array_equal(found, expected)


def test_a_region_begins_where_it_says_in_its_object(server, make_region):
    (given,) = subjects.draw_features(random.Random(1))
    expected = server.infer(subjects.TABLE.model, send([given], ())[0]).as_numpy("probabilities")
    handle = make_region()
    buffer(handle)[4096 + 100 : 4096 + 116] = given.raw
    server.register_system_shared_memory("r", key(handle), 4096, offset=4096)
    tensor = triton.InferInput(given.name, list(given.shape), given.datatype)
    tensor.set_shared_memory("r", 16, 100)
    found = server.infer(subjects.TABLE.model, [tensor]).as_numpy("probabilities")
    np.testing.assert_array_equal(found, expected)


def test_nothing_beside_the_output_is_written(server, make_region):
    handle = make_region()
    buffer(handle)[:] = b"\xaa" * 8192
    server.register_system_shared_memory("r", key(handle), 8192)
    given = subjects.draw_features(random.Random(1))
    shared = Shared(handle, given, ("probabilities", "class"), "both")
    server.infer(subjects.TABLE.model, shared.inputs, outputs=shared.outputs)
    content, offsets = bytes(buffer(handle)), shared.offsets
    written = {range(8, 24), range(offsets["probabilities"], offsets["probabilities"] + 12)}
    written.add(range(offsets["class"], offsets["class"] + 8))
    beside = set(range(8192)).difference(*written)
    assert {content[n] for n in beside} == {0xAA}


def infer(service, request):
    with grpc.insecure_channel(service.address) as channel:
        call = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=pb.ModelInferRequest.SerializeToString,
            response_deserializer=pb.ModelInferResponse.FromString,
        )
        return call(request, timeout=60)


def test_the_likeliest_classes_come_into_shared_memory(service, server, make_region):
    handle = make_region()
    server.register_system_shared_memory("r", key(handle), 8192)
    request = subjects.make_request(subjects.TABLE.model, subjects.draw_features(random.Random(1)))
    output = request.outputs.add(name="probabilities")
    output.parameters["classification"].int64_param = 2
    expected = infer(service, request).raw_output_contents[0]
    output.parameters["shared_memory_region"].string_param = "r"
    output.parameters["shared_memory_byte_size"].int64_param = 4000
    output.parameters["shared_memory_offset"].int64_param = 96
    (told,) = infer(service, request).outputs
    assert (told.datatype, list(told.shape)) == ("BYTES", [1, 2])
    assert told.parameters["shared_memory_region"].string_param == "r"
    assert told.parameters["shared_memory_byte_size"].int64_param == len(expected)
    assert told.parameters["shared_memory_offset"].int64_param == 96
    assert bytes(buffer(handle)[96 : 96 + len(expected)]) == expected


def test_typed_inputs_are_answered_typed_beside_what_is_shared(service, server, make_region):
    handle = make_region()
    server.register_system_shared_memory("r", key(handle), 8192)
    request = pb.ModelInferRequest(model_name=subjects.TABLE.model)
    request.inputs.add(name="features", datatype="FP32", shape=[1, 4]).contents.fp32_contents.extend(
        [1, 2, 3, 4]
    )
    shared = request.outputs.add(name="probabilities").parameters
    shared["shared_memory_region"].string_param = "r"
    shared["shared_memory_byte_size"].int64_param = 12
    request.outputs.add(name="class")
    answer = infer(service, request)
    assert not answer.raw_output_contents
    scores = np.frombuffer(bytes(buffer(handle)[:12]), np.float32)
    assert list(answer.outputs[1].contents.int64_contents) == [scores.argmax()]


async def test_the_asyncio_client_shares_too(service, server, make_region):
    given = subjects.draw_features(random.Random(2))
    expected = server.infer(subjects.TABLE.model, send(given, ())[0]).as_numpy("probabilities")
    handle = make_region()
    async with triton_aio.InferenceServerClient(service.address) as client:
        await client.register_system_shared_memory("r", key(handle), 8192)
        shared = Shared(handle, given, ("probabilities",), "both")
        answer = await client.infer(subjects.TABLE.model, shared.inputs, outputs=shared.outputs)
        np.testing.assert_array_equal(shared.read(answer, "probabilities"), expected)

        async def requests():
            for _ in range(3):
                yield {"model_name": subjects.TABLE.model, "inputs": shared.inputs, "outputs": shared.outputs}

        buffer(handle)[shared.offsets["probabilities"] :] = bytes(8192 - shared.offsets["probabilities"])
        answers = [(result, error) async for result, error in client.stream_infer(requests())]
        assert [error for _, error in answers] == [None] * 3
        np.testing.assert_array_equal(shared.read(answers[-1][0], "probabilities"), expected)
        await client.unregister_system_shared_memory("r")
        assert not (await client.get_system_shared_memory_status()).regions


def test_a_stream_shares_each_request_in_a_place_of_its_own(server, make_region):
    rows = [subjects.draw_features(random.Random(n)) for n in range(20)]
    expected = [
        server.infer(subjects.TABLE.model, send(row, ())[0]).as_numpy("probabilities") for row in rows
    ]
    handle = make_region()
    server.register_system_shared_memory("r", key(handle), 8192)
    answers = queue.SimpleQueue()
    server.start_stream(lambda result, error: answers.put((result, error)))
    for n, (row,) in enumerate(rows):
        buffer(handle)[n * 64 : n * 64 + 16] = row.raw
        tensor = triton.InferInput(row.name, list(row.shape), row.datatype)
        tensor.set_shared_memory("r" if n != 7 else "s", 16, n * 64)
        wanted = triton.InferRequestedOutput("probabilities")
        wanted.set_shared_memory("r", 12, n * 64 + 32)
        server.async_stream_infer(subjects.TABLE.model, [tensor], outputs=[wanted], request_id=str(n))
    found = [answers.get(timeout=60) for _ in rows]
    server.stop_stream()
    for n, (result, error) in enumerate(found):
        if n == 7:  # refused alone, and the stream goes on
            assert "Unable to find shared memory region: 's'; registered are r" in str(error)
            continue
        assert result.get_response().id == str(n)
        scores = shared_memory.get_contents_as_numpy(handle, np.float32, [1, 3], n * 64 + 32)
        np.testing.assert_allclose(scores, expected[n], rtol=1e-4, atol=1e-6)


def test_regions_are_told_and_forgotten_one_by_one_or_all(server, make_region):
    handles = {name: make_region(name) for name in ("a", "b", "c")}
    for name, handle in handles.items():
        server.register_system_shared_memory(name, key(handle), 4096, offset=8)
    regions = server.get_system_shared_memory_status().regions
    told = {(each.name, each.key, each.offset, each.byte_size) for each in regions.values()}
    assert told == {(name, key(handle), 8, 4096) for name, handle in handles.items()}
    assert set(server.get_system_shared_memory_status("b").regions) == {"b"}
    with pytest.raises(InferenceServerException, match="'a' already in manager") as refused:
        server.register_system_shared_memory("a", key(handles["b"]), 16)
    assert refused.value.status() == "StatusCode.ALREADY_EXISTS"
    server.unregister_system_shared_memory("b")
    server.unregister_system_shared_memory("b")
    assert set(server.get_system_shared_memory_status().regions) == {"a", "c"}
    with pytest.raises(
        InferenceServerException, match="Unable to find system shared memory region: 'b'"
    ) as unknown:
        server.get_system_shared_memory_status("b")
    assert unknown.value.status() == "StatusCode.NOT_FOUND"
    server.unregister_system_shared_memory()
    assert not server.get_system_shared_memory_status().regions
    server.register_system_shared_memory("b", key(handles["b"]), 8192)


def test_only_system_shared_memory_is_advertised_and_there(service, server):
    extensions = set(server.get_server_metadata().extensions)
    assert "system_shared_memory" in extensions
    assert "cuda_shared_memory" not in extensions
    with pytest.raises(InferenceServerException) as refused:
        server.register_cuda_shared_memory("g", b"aGFuZGxl", 0, 64)
    assert refused.value.status() == "StatusCode.UNIMPLEMENTED"


def test_a_server_that_is_told_so_shares_nothing(make_service):
    service = make_service("--shared-memory", "off")
    service.start()
    with triton.InferenceServerClient(service.address) as server:
        assert "system_shared_memory" not in set(server.get_server_metadata().extensions)
        for call in (
            server.get_system_shared_memory_status,
            server.unregister_system_shared_memory,
            lambda: server.register_system_shared_memory("r", "k", 16),
        ):
            with pytest.raises(InferenceServerException) as refused:
                call()
            assert refused.value.status() == "StatusCode.UNIMPLEMENTED"
