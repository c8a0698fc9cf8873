"""Every architecture of the catalog travels the whole way: from a data set that fits it to predictions and a file of it."""

import json

import numpy as np
import pytest
import safetensors
from safetensors.numpy import load_file

import bessemer
from bessemer_server.training import predictors
from tests.fix_service import ROUNDING

TEXTS = (
    ["a great film", "what a lovely plot", "great actors, lovely end"] * 12
    + ["a dull film", "what a boring plot", "dull actors, boring end"] * 12
)  # fmt: skip
CNN = [{"conv2d": {"filters": 4, "kernel": 3}}, "batch_norm", {"activation": {"function": "relu"}}, "flatten"]
IRIS = [[5.1, 3.5, 1.4, 0.2]]
JOBS = {
    "mlp": ("iris", {"hidden": [8]}, IRIS),
    "numpy_mlp": ("iris", {"hidden": [8]}, IRIS),
    "mnist_cnn": ("digits", {}, np.zeros((1, 8, 8, 1), np.uint8)),
    "cifar_cnn": ("two-colours", {}, np.zeros((1, 32, 32, 3), np.uint8)),
    "transfer": ("two-colours", {"backbone": "mobilenet_v2", "weights": "random"}, np.zeros((1, 32, 32, 3), np.uint8)),
    "sequential": ("two-colours", {"layers": [*CNN, {"dense": {"units": 2}}]}, np.zeros((1, 32, 32, 3), np.uint8)),
    "lstm_classifier": ("two-moods", {"units": 4}, ["what a lovely film"]),
    "dcgan": ("digits", {"filters": 4, "latent": 8}, None),
}  # fmt: skip


@pytest.fixture(scope="module")
def client(service):
    with bessemer.connect(service.address) as client:
        labels = np.arange(72) % 2
        pictures = (
            np.random.default_rng(0).integers(0, 128, (72, 32, 32, 3)) + labels[:, None, None, None] * 127
        )
        client.datasets.upload("two-colours", (pictures.astype(np.uint8), labels))
        yield client


def test_each_is_in_the_table_above(client):
    assert {architecture.name for architecture in client.architectures()} == set(JOBS)


@pytest.mark.parametrize("architecture", JOBS)
def test_it_trains_is_published_and_predicts(client, architecture, tmp_path):
    dataset, options, inputs = JOBS[architecture]
    if dataset == "two-moods":
        upload_opinions(client, tmp_path)
    job = client.train(
        architecture, dataset=dataset, name=f"every-{architecture}", epochs=1, batch_size=16, options=options
    ).wait(progress=False)
    assert job.state == "SUCCEEDED"
    assert all(np.isfinite(values).all() for values in job.history.values())
    model = client.models.get(f"every-{architecture}")
    network = load_exported(model, tmp_path / "model.safetensors")
    if inputs is None:
        assert model.sample(3, seed=1).shape == (3, 8, 8, 1)
        drawn = network.predict({"count": np.array([3], np.int32), "seed": np.array([1], np.int64)})
        assert (drawn["images"] == model.sample(3, seed=1)).all()
        return
    (prediction,) = model.predict(inputs)
    assert prediction.label in model.labels
    assert sum(prediction.probabilities) == pytest.approx(1.0, abs=1e-5)
    if architecture != "lstm_classifier":
        (spec,) = model.inputs
        array = np.asarray(inputs, np.uint8 if spec.datatype == "UINT8" else np.float32)
        np.testing.assert_allclose(
            network.predict({spec.name: array})["probabilities"], [prediction.probabilities], rtol=ROUNDING
        )
    found = model.evaluate(dataset, split="test").metrics
    assert found["loss"] == pytest.approx(job.metrics["test/loss"], rel=ROUNDING)
    assert found["accuracy"] == job.metrics["test/accuracy"]


def load_exported(model, path):
    """The exported file as a network in this process."""
    model.export(path)
    with safetensors.safe_open(path, "numpy") as file:
        metadata = file.metadata()
    assert metadata["model"] == f"{model.name}@{model.version}"
    return predictors.build(json.loads(metadata["definition"]), load_file(path), "cpu")


def upload_opinions(client, folder):
    for index, text in enumerate(TEXTS):
        file = folder / ("good" if index < len(TEXTS) // 2 else "bad") / f"{index}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    client.datasets.upload("two-moods", folder)
