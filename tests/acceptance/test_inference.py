"""Predictions by an unmodified tritonclient, in the process that has also imported bessemer."""

import json
import queue

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
from google.protobuf import descriptor_pool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from sklearn import datasets
from tritonclient.utils import InferenceServerException

import bessemer
from bessemer.inference.v2 import inference_pb2

FEATURES = datasets.load_iris().data.astype(np.float32)


@pytest.fixture(scope="module")
def model(service):
    with bessemer.connect(service.address) as client:
        job = client.train("mlp", dataset="iris", name="iris-mlp", epochs=40)
        job.wait()
        yield job.model


@pytest.fixture(scope="module")
def server(service):
    with triton.InferenceServerClient(service.address) as connected:
        yield connected


def tensor(array, name="features", datatype="FP32"):
    made = triton.InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array)
    return made


def test_the_server_is_live_and_ready_and_says_who_it_is(server):
    assert server.is_server_live()
    assert server.is_server_ready()
    assert server.get_server_metadata().name == "bessemer"


def test_metadata_tells_the_engine_that_was_chosen_and_how_the_others_did(service, server, model):
    assert server.is_model_ready("iris-mlp", model.version)
    request = inference_pb2.ModelMetadataRequest(name="iris-mlp", version=model.version)
    with grpc.insecure_channel(service.address) as channel:
        ask = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelMetadata",
            request_serializer=inference_pb2.ModelMetadataRequest.SerializeToString,
            response_deserializer=inference_pb2.ModelMetadataResponse.FromString,
        )
        properties = ask(request).properties  # the protocol has them, Triton's client does not
    times = json.loads(properties["engine_us"])
    assert properties["engine"] in times
    assert set(times) == {"onnxruntime", "torch"}
    assert all(set(by_batch) == {"1", "8"} for by_batch in times.values())


def test_metadata_tells_the_signature(server, model):
    assert server.is_model_ready("iris-mlp")
    metadata = server.get_model_metadata("iris-mlp")
    assert list(metadata.versions) == [model.version]
    assert [(t.name, t.datatype, list(t.shape)) for t in metadata.inputs] == [("features", "FP32", [-1, 4])]
    assert [(t.name, t.datatype, list(t.shape)) for t in metadata.outputs] == [
        ("probabilities", "FP32", [-1, 3]),
        ("class", "INT64", [-1]),
        ("label", "BYTES", [-1]),
    ]


def test_a_model_that_is_not_there_is_not_ready(server):
    assert not server.is_model_ready("nothing")


def test_predictions_are_those_of_the_sdk(server, model):
    answer = server.infer("iris-mlp", [tensor(FEATURES)], request_id="r1").as_numpy("probabilities")
    assert answer.shape == (150, 3)
    ours = np.array([p.probabilities for p in model.predict(FEATURES)], dtype=np.float32)
    np.testing.assert_allclose(answer, ours, rtol=1e-5)
    assert np.mean(answer.argmax(axis=1) == datasets.load_iris().target) > 0.9


def test_a_version_can_be_named_and_is_told(server, model):
    answer = server.infer("iris-mlp", [tensor(FEATURES[:1])], model_version=model.version, request_id="r2")
    assert answer.get_response().model_version == model.version
    assert answer.get_response().id == "r2"


@pytest.mark.parametrize(
    ("name", "inputs", "code", "message"),
    [
        ("iris-mpl", [tensor(FEATURES[:1])], "NOT_FOUND", "iris-mlp"),
        ("iris-mlp", [tensor(FEATURES[:1], name="x")], "INVALID_ARGUMENT", "unexpected inference input 'x'"),
        (
            "iris-mlp",
            [tensor(FEATURES[:1].astype(np.float64), datatype="FP64")],
            "INVALID_ARGUMENT",
            "expects 'FP32'",
        ),
        ("iris-mlp", [tensor(FEATURES[:1, :3])], "INVALID_ARGUMENT", r"Expected \[-1, 4\], got \[1, 3\]"),
    ],
)
@pytest.mark.usefixtures("model")
def test_a_faulty_request_is_told_what_is_wrong(server, name, inputs, code, message):
    with pytest.raises(InferenceServerException, match=message) as failed:
        server.infer(name, inputs)
    assert failed.value.status() == f"StatusCode.{code}"


def test_a_lie_about_the_shape_is_refused_before_anybody_reads_the_bytes(server, model):
    lying = tensor(FEATURES[:1])
    lying._input.shape[0] = 2
    with pytest.raises(InferenceServerException, match="Expected 32, got 16"):
        server.infer("iris-mlp", [lying])


@pytest.mark.parametrize("version", ["99", "one", "0", "-1"])
def test_a_wrong_version_is_refused(server, model, version):
    with pytest.raises(InferenceServerException) as failed:
        server.infer("iris-mlp", [tensor(FEATURES[:1])], model_version=version)
    assert failed.value.status() in ("StatusCode.NOT_FOUND", "StatusCode.INVALID_ARGUMENT")


def test_many_clients_at_once_get_their_own_rows(server, model):
    alone = server.infer("iris-mlp", [tensor(FEATURES)]).as_numpy("probabilities")
    answers = queue.SimpleQueue()
    for i in range(140):
        inputs = [tensor(FEATURES[i : i + 1 + i % 3])]
        server.async_infer("iris-mlp", inputs, lambda result, error, i=i: answers.put((i, result, error)))
    for _ in range(140):
        i, result, error = answers.get(timeout=60)
        assert error is None
        np.testing.assert_allclose(
            result.as_numpy("probabilities"), alone[i : i + 1 + i % 3], rtol=1e-4, atol=1e-6
        )


def test_reflection_shows_the_protocol_under_its_standard_name(client, service):
    import grpc

    with grpc.insecure_channel(service.address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        names = list(database.get_services())
        pool = descriptor_pool.DescriptorPool(database)
        found = pool.FindServiceByName("inference.GRPCInferenceService")
        assert {"bessemer.v1.JobService", "inference.GRPCInferenceService"} <= set(names)
        assert {m.name for m in found.methods} >= {"ModelInfer", "ServerLive", "ModelMetadata"}
        assert "CreateJob" in pool.FindServiceByName("bessemer.v1.JobService").methods_by_name
