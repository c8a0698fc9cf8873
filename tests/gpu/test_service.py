"""A service on a GPU: it trains there, predicts where a model is fastest, and goes on when a process is lost."""

from __future__ import annotations

import json
import signal

import grpc
import numpy as np
import psutil
import pytest

import bessemer
from bessemer.inference.v2 import inference_pb2
from tests.fix_service import Service

IMAGES = np.arange(8 * 64, dtype=np.uint8).reshape(8, 8, 8) % 17


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A service on GPUs, with a model."""
    service = Service(tmp_path_factory.mktemp("gpu") / "data", "--device", "cuda")
    service.start()
    with bessemer.connect(service.address) as client:
        client.train("mnist_cnn", dataset="digits", epochs=3, seed=1, name="digits").wait(progress=False)
    yield service
    service.close()


@pytest.fixture
def model(served):
    with bessemer.connect(served.address) as client:
        yield client.models.get("digits")


def describe(served, name):
    with grpc.insecure_channel(served.address) as channel:
        ask = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelMetadata",
            request_serializer=inference_pb2.ModelMetadataRequest.SerializeToString,
            response_deserializer=inference_pb2.ModelMetadataResponse.FromString,
        )
        return ask(inference_pb2.ModelMetadataRequest(name=name)).properties


def test_a_model_was_tried_on_both_kinds_of_device(served, model):
    probabilities = [prediction.probabilities for prediction in model.predict(IMAGES)]
    assert np.allclose(np.sum(probabilities, axis=1), 1, atol=1e-4)
    found = describe(served, "digits")
    times = json.loads(found["device_us"])
    print(found)
    assert set(times) == {"cpu", "cuda"}
    assert found["device"] == min(times, key=lambda kind: times[kind]["1"] * times[kind]["8"])


def test_a_predictor_that_is_killed_is_replaced(served, model):
    before = [prediction.probabilities for prediction in model.predict(IMAGES)]
    for process in psutil.Process(served.pid).children(recursive=True):
        if "forkserver" in " ".join(process.cmdline()) and process.children():
            continue  # the fork server itself
        if "multiprocessing" in " ".join(process.cmdline()):
            process.send_signal(signal.SIGKILL)
    after = [prediction.probabilities for prediction in model.predict(IMAGES)]
    assert np.allclose(before, after, atol=1e-3)


def test_a_large_network_is_served_by_the_gpu(served, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 96, 96, 3), dtype=np.uint8)
    np.savez(tmp_path / "noise.npz", x_train=pixels, y_train=np.arange(40) % 4)
    layers = [
        {"backbone": {"name": "resnet18", "weights": "random", "pooling": "average"}},
        "layer_norm",
        {"dense": {"units": 4, "activation": "softmax"}},
    ]
    with bessemer.connect(served.address) as client:
        client.datasets.upload("noise", str(tmp_path / "noise.npz"))
        job = client.train(
            "sequential", dataset="noise", name="resnet18", options={"layers": layers}, epochs=1, batch_size=8
        )
        job.wait(progress=False)
        client.models.get("resnet18").predict(pixels[:3])
    found = describe(served, "resnet18")
    print(found)
    assert (found["device"], found["engine"]) == ("cuda", "cudagraph")
