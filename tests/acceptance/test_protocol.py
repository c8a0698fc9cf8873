"""All that an unmodified tritonclient offers, beyond plain predictions: sync, asyncio, streams, repository, statistics."""

import concurrent.futures
import contextlib
import io
import math
import queue
import threading
import time

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from PIL import Image
from sklearn import datasets
from tritonclient.utils import InferenceServerException

import bessemer
from bessemer.inference.v2 import inference_pb2 as pb
from bessemer_server.data import pictures

FEATURES = datasets.load_iris().data.astype(np.float32)
NAME = "protocol-iris"


@pytest.fixture(scope="module")
def model(service):
    with bessemer.connect(service.address) as client:
        client.train("mlp", dataset="iris", name=NAME, epochs=1).wait(progress=False)
        yield client.train("mlp", dataset="iris", name=NAME, epochs=40).wait(progress=False).model


@pytest.fixture(scope="module")
def server(service, model):
    with triton.InferenceServerClient(service.address) as connected:
        yield connected


def tensor(array):
    made = triton.InferInput("features", list(array.shape), "FP32")
    made.set_data_from_numpy(array)
    return made


def classes(count):
    return [triton.InferRequestedOutput("probabilities", class_count=count)]


def test_what_is_advertised_is_there(server):
    extensions = set(server.get_server_metadata().extensions)
    assert {"classification", "statistics", "model_repository", "model_configuration"} <= extensions
    assert "cuda_shared_memory" not in extensions


def test_the_configuration_is_that_of_a_batched_model(server):
    config = server.get_model_config(NAME).config
    assert (config.name, config.max_batch_size) == (NAME, 4096)
    assert [(i.name, i.data_type, list(i.dims)) for i in config.input] == [("features", 11, [4])]  # TYPE_FP32
    outputs = [(o.name, o.data_type, list(o.dims)) for o in config.output]
    assert outputs == [
        ("probabilities", 11, [3]),
        ("class", 9, []),
        ("label", 13, []),
    ]  # TYPE_INT64, TYPE_STRING
    assert config.HasField("dynamic_batching")
    assert not config.model_transaction_policy.decoupled


def test_the_likeliest_classes_come_with_value_index_and_label(server):
    answer = server.infer(NAME, [tensor(FEATURES[:3])], outputs=classes(2)).as_numpy("probabilities")
    scores = server.infer(NAME, [tensor(FEATURES[:3])]).as_numpy("probabilities")
    assert answer.shape == (3, 2)
    for row, expected in zip(answer, scores, strict=True):
        value, index, label = row[0].decode().split(":")
        assert int(index) == expected.argmax()
        assert float(value) == pytest.approx(expected.max(), abs=1e-6)
        assert label == ["setosa", "versicolor", "virginica"][int(index)]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"parameters": {"own": b"bytes"}}, None),
        (
            {"outputs": [triton.InferRequestedOutput("probabilitys")]},
            "unexpected inference output 'probabilitys'",
        ),
    ],
    ids=["parameter of bytes", "unknown output"],
)
def test_what_cannot_be_asked_is_refused(server, arguments, text):
    with pytest.raises(InferenceServerException, match=text):
        server.infer(NAME, [tensor(FEATURES[:1])], **arguments)


def test_priority_timeout_and_own_parameters_are_taken(server):
    parameters = {"own": "word", "number": 3, "truth": True}
    answer = server.infer(
        NAME, [tensor(FEATURES[:1])], priority=1, timeout=30_000_000, parameters=parameters, request_id="p"
    )
    assert answer.get_response().id == "p"


def infer(service, request):
    with grpc.insecure_channel(service.address) as channel:
        call = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=pb.ModelInferRequest.SerializeToString,
            response_deserializer=pb.ModelInferResponse.FromString,
        )
        return call(request, timeout=60)


def test_typed_values_are_answered_by_typed_values(service, server):
    request = pb.ModelInferRequest(model_name=NAME, id="typed")
    request.inputs.add(name="features", datatype="FP32", shape=[2, 4]).contents.fp32_contents.extend(
        FEATURES[:2].ravel().tolist()
    )
    answer = infer(service, request)
    assert not answer.raw_output_contents
    raw = server.infer(NAME, [tensor(FEATURES[:2])]).as_numpy("probabilities")
    np.testing.assert_array_equal(np.float32(answer.outputs[0].contents.fp32_contents), raw.ravel())
    request.outputs.add(name="probabilities").parameters["classification"].int64_param = 1
    assert len(infer(service, request).outputs[0].contents.bytes_contents) == 2


def test_a_stream_answers_in_order_and_goes_on_behind_an_error(server):
    answers = queue.SimpleQueue()
    server.start_stream(lambda result, error: answers.put((result, error)))
    for n in range(100):
        name = "nothing" if n % 10 == 5 else NAME
        server.async_stream_infer(name, [tensor(FEATURES[n : n + 1])], request_id=str(n))
    for n in range(100):
        result, error = answers.get(timeout=60)
        if n % 10 == 5:
            assert "Request for unknown model" in str(error)
        else:
            assert result.get_response().id == str(n)
            assert result.get_response().parameters["triton_final_response"].bool_param
    server.stop_stream()
    alone = server.infer(NAME, [tensor(FEATURES[99:100])]).as_numpy("probabilities")
    np.testing.assert_allclose(result.as_numpy("probabilities"), alone, rtol=1e-4, atol=1e-6)


def test_a_stream_ends_with_the_status_where_that_was_asked(service, server):
    answers = queue.SimpleQueue()
    with triton.InferenceServerClient(service.address) as strict:
        strict.start_stream(
            lambda result, error: answers.put((result, error)), headers={"triton_grpc_error": "true"}
        )
        strict.async_stream_infer("nothing", [tensor(FEATURES[:1])])
        _, error = answers.get(timeout=60)
        assert error.status() == "StatusCode.NOT_FOUND"


async def test_the_asyncio_client_predicts_and_streams(service, server):
    async with triton_aio.InferenceServerClient(service.address) as client:
        assert await client.is_model_ready(NAME)
        alone = (await client.infer(NAME, [tensor(FEATURES[:1])])).as_numpy("probabilities")

        async def requests():
            for n in range(5):
                yield {"model_name": NAME, "inputs": [tensor(FEATURES[:1])], "request_id": str(n)}

        found = [(result.get_response().id, error) async for result, error in client.stream_infer(requests())]
        assert found == [(str(n), None) for n in range(5)]
        assert alone.shape == (1, 3)


def counters(server, model):
    (found,) = server.get_inference_statistics(NAME, model.version).model_stats
    return found


def test_statistics_count_what_was_asked(server, model):
    server.infer(NAME, [tensor(FEATURES[:1])])
    before = counters(server, model)
    for rows in (1, 3, 7):
        server.infer(NAME, [tensor(FEATURES[:rows])])
    after = counters(server, model)
    assert after.inference_count - before.inference_count == 11
    assert after.execution_count - before.execution_count == 3
    for part in ("success", "queue", "compute_input", "compute_infer", "compute_output"):
        grown = getattr(after.inference_stats, part)
        assert grown.count - getattr(before.inference_stats, part).count == 3
        assert grown.ns > getattr(before.inference_stats, part).ns
    assert {7, 3} <= {each.batch_size for each in after.batch_stats}
    assert NAME in {each.name for each in server.get_inference_statistics().model_stats}
    for name, version in (("nothing", ""), (NAME, "99")):
        with pytest.raises(InferenceServerException, match="is not available") as refused:
            server.get_inference_statistics(name, version)
        assert refused.value.status() == "StatusCode.INVALID_ARGUMENT"


def states(server):
    return {(each.name, each.version): each.state for each in server.get_model_repository_index().models}


def test_a_model_is_unloaded_refused_and_loaded_again(server, model):
    server.load_model(NAME)
    assert states(server)[NAME, model.version] == "READY"
    server.unload_model(NAME)
    assert states(server)[NAME, model.version] == "UNAVAILABLE"
    assert not server.is_model_ready(NAME)
    with pytest.raises(InferenceServerException, match="it was unloaded") as refused:
        server.infer(NAME, [tensor(FEATURES[:1])])
    assert refused.value.status() == "StatusCode.NOT_FOUND"
    server.load_model(NAME)
    assert server.infer(NAME, [tensor(FEATURES[:1])]).as_numpy("probabilities").shape == (1, 3)
    server.unload_model("nothing")
    with pytest.raises(InferenceServerException, match="unknown model") as refused:
        server.load_model("nothing")
    assert refused.value.status() == "StatusCode.NOT_FOUND"
    with pytest.raises(InferenceServerException, match="models come from jobs"):
        server.load_model(NAME, config="{}")


def test_an_unload_waits_for_nobody_who_comes_after_it_and_the_last_word_counts(service, server, model):
    is_over = threading.Event()

    def go_on():
        with triton.InferenceServerClient(service.address) as client:
            while not is_over.is_set():
                with contextlib.suppress(InferenceServerException):  # unloaded
                    client.infer(NAME, [tensor(FEATURES[:1])])

    server.load_model(NAME)
    with concurrent.futures.ThreadPoolExecutor(7) as threads:
        try:
            going = [threads.submit(go_on) for _ in range(6)]
            for _ in range(5):
                unloading = threads.submit(server.unload_model, NAME)
                time.sleep(0.02)
                server.load_model(NAME)
                unloading.result(30)
        finally:
            is_over.set()
        for each in going:
            each.result(30)
    assert server.is_model_ready(NAME)
    assert server.infer(NAME, [tensor(FEATURES[:1])]).as_numpy("probabilities").shape == (1, 3)


def test_what_is_finite_and_too_large_is_refused_and_has_no_label(server, model):
    """Alone, though it shares a batch with others."""
    huge = np.full((1, 4), 3.4e38, np.float32)
    with pytest.raises(InferenceServerException, match="is not a number") as refused:
        server.infer(NAME, [tensor(huge)])
    assert refused.value.status() == "StatusCode.INVALID_ARGUMENT"


def test_a_new_version_takes_over_and_the_old_one_can_still_be_asked(server, model):
    assert server.infer(NAME, [tensor(FEATURES[:1])]).get_response().model_version == model.version
    first = server.infer(NAME, [tensor(FEATURES[:1])], model_version="1")
    assert first.get_response().model_version == "1"
    assert (NAME, "1") in states(server)  # older versions are told while they are loaded


@pytest.fixture(scope="module")
def painter(service):
    with bessemer.connect(service.address) as client:
        yield (
            client.train("mnist_cnn", dataset="digits", name="protocol-digits", epochs=2)
            .wait(progress=False)
            .model
        )


def digits(count=3):
    return datasets.load_digits().images[:count].astype(np.uint8)[..., None]


def picture(array, datatype="UINT8"):
    made = triton.InferInput("image", list(array.shape), datatype)
    made.set_data_from_numpy(array)
    return made


def encode(pixels, form, mode="L", size=None):
    drawn = Image.fromarray(pixels[..., 0]).convert(mode)
    file = io.BytesIO()
    (drawn.resize(size, Image.Resampling.NEAREST) if size else drawn).save(file, form)
    return file.getvalue()


def scores(server, given):
    return server.infer("protocol-digits", [given]).as_numpy("probabilities")


def test_pictures_come_as_files_in_colour_and_in_any_size(server, painter):
    pixels = digits()
    expected = scores(server, picture(pixels))
    files = np.array([encode(each, "PNG") for each in pixels], dtype=object)
    np.testing.assert_array_equal(scores(server, picture(files, "BYTES")), expected)
    coloured = np.repeat(pixels, 3, axis=-1)
    np.testing.assert_allclose(scores(server, picture(coloured)), expected, atol=1e-6)
    larger = pixels.repeat(4, axis=1).repeat(6, axis=2)
    fitted = np.zeros_like(pixels)
    for each, target in zip(larger, fitted, strict=True):
        pictures.scale(each, target)  # as uploads are
    np.testing.assert_array_equal(scores(server, picture(larger)), scores(server, picture(fitted)))
    mixed = [
        encode(pixels[0], "PNG"),
        encode(pixels[1], "PNG", "RGB"),
        encode(pixels[2], "BMP", size=(48, 32)),
    ]
    answers = scores(server, picture(np.array(mixed, dtype=object), "BYTES"))
    np.testing.assert_allclose(answers[:2], expected[:2], atol=1e-6)
    np.testing.assert_allclose(answers[2], scores(server, picture(fitted))[2], atol=1e-6)


def test_pixels_come_as_floating_point_on_the_same_scale(server, painter):
    pixels = digits()
    expected = scores(server, picture(pixels))
    close = pixels + np.float32(0.3)
    np.testing.assert_array_equal(scores(server, picture(close, "FP32")), expected)
    larger = pixels.repeat(4, axis=1).repeat(4, axis=2)
    answers = scores(server, picture(larger.astype(np.float32), "FP32"))
    np.testing.assert_array_equal(answers, scores(server, picture(larger)))


@pytest.mark.parametrize(
    ("factor", "shift", "text"),
    [
        (1 / 16, 0, r"row 0 has no value above 1; .* multiply by 255"),
        (1, -3, r"row 0 has values from -3 to 1\d; .* not standardised"),
        (16, 100, r"row 0 has values from 100 to 3\d\d"),
        (math.nan, 0, r"row 0 has values from nan to nan"),
    ],
    ids=["to one", "standardised", "too large", "no number"],
)
def test_floating_point_on_another_scale_is_refused(server, painter, factor, shift, text):
    given = digits(1).astype(np.float32) * factor + shift
    with pytest.raises(InferenceServerException, match=text) as refused:
        scores(server, picture(given.astype(np.float32), "FP32"))
    assert refused.value.status() == "StatusCode.INVALID_ARGUMENT"


BOMB = encode(np.zeros((10, 10, 1), np.uint8), "PNG", "1", size=(20_000, 20_000))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"no picture", "row 1 is no picture that can be read"),
        (b"", "row 1 is no picture that can be read"),
        (encode(digits()[0], "PNG")[:-30], "row 1 is no picture that can be read"),
        (BOMB, "row 1 has (20000×20000|more than 64,000,000) pixels"),
    ],
    ids=["words", "nothing", "torn", "bomb"],
)
def test_a_file_that_is_no_picture_is_refused_by_its_row(server, painter, content, text):
    files = np.array([encode(digits()[0], "PNG"), content], dtype=object)
    with pytest.raises(InferenceServerException, match=text) as refused:
        scores(server, picture(files, "BYTES"))
    assert refused.value.status() == "StatusCode.INVALID_ARGUMENT"


@pytest.mark.parametrize("shape", [(1, 8, 8, 2), (1, 8, 8), (0, 8, 8, 1), (1, 0, 8, 1)], ids=str)
def test_pixels_of_no_picture_are_refused(server, painter, shape):
    with pytest.raises(InferenceServerException) as refused:
        scores(server, picture(np.zeros(shape, np.uint8)))
    assert refused.value.status() == "StatusCode.INVALID_ARGUMENT"


def test_a_large_answer_is_that_of_small_ones(server):
    """It is made in another thread."""
    rows = np.random.default_rng(5).normal(3, 2, (3_000, 4)).astype(np.float32)

    def ask(given):
        ranked = server.infer(NAME, [tensor(given)], outputs=classes(3)).as_numpy("probabilities")
        split = [[each.decode().split(":") for each in row] for row in ranked]
        scores = np.zeros((len(given), 3))
        for scored, row in zip(scores, split, strict=True):
            for value, index, _ in row:
                scored[int(index)] = float(value)
        return scores

    parts = [ask(rows[start : start + 100]) for start in range(0, len(rows), 100)]
    np.testing.assert_allclose(ask(rows), np.concatenate(parts), atol=2e-6)


def test_class_and_label_are_given_when_they_are_asked_for(server):
    def ask(*names):
        outputs = [triton.InferRequestedOutput(name) for name in names]
        return server.infer(NAME, [tensor(FEATURES[::50])], outputs=outputs)

    answer = ask("label", "class")
    expected = server.infer(NAME, [tensor(FEATURES[::50])]).as_numpy("probabilities").argmax(axis=1)
    names = ["setosa", "versicolor", "virginica"]
    assert [output.name for output in answer.get_response().outputs] == ["label", "class"]
    assert answer.as_numpy("class").tolist() == expected.tolist()
    assert answer.as_numpy("label").tolist() == [names[i].encode() for i in expected]
    assert [o.name for o in server.infer(NAME, [tensor(FEATURES[:1])]).get_response().outputs] == [
        "probabilities"
    ]
    with pytest.raises(InferenceServerException, match="only scores in FP32 have classes"):
        server.infer(
            NAME, [tensor(FEATURES[:1])], outputs=[triton.InferRequestedOutput("class", class_count=1)]
        )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_is_refused_by_its_number(server, value):
    features = FEATURES[:4].copy()
    features[2, 1] = value
    with pytest.raises(InferenceServerException, match="row 2 has NaN or infinity"):
        server.infer(NAME, [tensor(features)])
