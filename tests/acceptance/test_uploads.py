"""A user's own data goes in, is trained on, and the model answers."""

import csv
import pathlib

import numpy as np
import pytest
from PIL import Image

import bessemer


def make_pictures(folder: pathlib.Path, classes: dict[str, int], count: int = 12, side: int = 12) -> None:
    """Class folders of PNGs, each class with a brightness of its own."""
    for label, brightness in classes.items():
        (folder / label).mkdir(parents=True)
        for number in range(count):
            pixels = np.full((side, side), brightness + number, np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number}.png")


def make_table(path: pathlib.Path, rows: int = 40) -> None:
    """Two clouds of points, with names for labels in front."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["label", "length", "width"])
        for row in range(rows):
            side = row % 2
            writer.writerow(["left" if side else "right", side + row / 1000, side * 2 - row / 1000])


def test_a_folder_of_pictures_trains_a_cnn_that_tells_them_apart(client, tmp_path):
    make_pictures(tmp_path / "flowers", {"dark": 10, "light": 200})
    found = client.datasets.upload("flowers", tmp_path / "flowers", description="Two flowers")
    assert (found.kind, found.shape, found.labels) == ("image", (12, 12, 1), ("dark", "light"))
    assert (found.train_samples, found.test_samples) == (24, 0)
    assert found.description == "Two flowers: 24 uploaded images of 2 classes."
    job = client.train("mnist_cnn", dataset="flowers", epochs=4, batch_size=4)
    job.wait()
    predictions = job.model.predict(tmp_path / "flowers" / "light" / "3.png")
    assert [prediction.label for prediction in predictions] == ["light"]
    assert job.model.evaluate(split="train").samples == 24 - 5 - 2


def test_a_model_is_measured_on_the_very_data_that_it_was_trained_on(client):
    x = np.random.default_rng(1).normal(size=(50, 2))
    y = (x[:, 0] > 0).astype(int)
    client.datasets.upload("measured", (x, y))
    job = client.train("mlp", dataset="measured", epochs=40)
    job.wait()
    assert job.model.evaluate().metrics["accuracy"] == pytest.approx(job.metrics["test/accuracy"])
    client.datasets.delete("measured")
    with pytest.raises(
        bessemer.FailedPrecondition, match="'measured' that this model was trained on was deleted"
    ):
        job.model.evaluate()
    client.datasets.upload("measured", (x[:40], 1 - y[:40]))
    with pytest.raises(bessemer.FailedPrecondition, match="was deleted"):
        job.model.evaluate()
    assert job.model.evaluate("measured", split="train").metrics["accuracy"] < 0.5


def test_a_name_that_is_nearly_that_of_an_uploaded_data_set_is_put_right(client):
    client.datasets.upload("sparrows", (np.eye(4), [0, 1, 0, 1]))
    for ask in (client.train, client.summary):
        with pytest.raises(bessemer.InvalidArgument, match=r"dataset: .*'sparows'; did you mean sparrows\?"):
            ask("mlp", dataset="sparows")


def test_a_table_trains_an_mlp_and_its_labels_are_the_words_of_the_column(client, tmp_path):
    make_table(tmp_path / "points.csv")
    found = client.datasets.upload("points", tmp_path / "points.csv")
    assert (found.kind, found.shape, found.labels) == ("table", (2,), ("left", "right"))
    job = client.train("mlp", dataset="points", epochs=30, batch_size=8)
    job.wait()
    assert [p.label for p in job.model.predict([[1.0, 2.0], [0.0, 0.0]])] == ["left", "right"]


def test_arrays_with_a_test_split_are_tested_on_it(client):
    x = np.random.default_rng(1).normal(size=(60, 3))
    y = (x[:, 0] > 0).astype(int)
    found = client.datasets.upload("signs", (x[:40], y[:40], x[40:], y[40:]), labels=["minus", "plus"])
    assert (found.train_samples, found.test_samples, found.labels) == (40, 20, ("minus", "plus"))
    job = client.train("mlp", dataset="signs", epochs=1)
    job.wait()
    assert job.history["test/accuracy"]


def test_uploaded_data_sets_stand_beside_the_others_until_they_are_deleted(client):
    arrays = {"x": np.zeros((4, 2)), "y": np.array(["a", "b", "a", "b"])}
    made = client.datasets.upload("beside", arrays)
    assert made.digest and made.create_time and made.size_bytes == 4 * 2 * 4 + 4 * 8
    names = [dataset.name for dataset in client.datasets.list()]
    assert names == sorted(names) and {"beside", "digits"} <= set(names)
    assert client.datasets.get("beside") == made
    assert client.datasets.upload("beside", arrays) == made
    with pytest.raises(bessemer.AlreadyExists, match="delete it first, or choose another name"):
        client.datasets.upload("beside", {**arrays, "x": np.ones((4, 2))})
    client.datasets.delete("beside")
    with pytest.raises(bessemer.NotFound):
        client.datasets.get("beside")
    with pytest.raises(bessemer.NotFound):
        client.datasets.delete("beside")


def test_a_data_set_that_comes_with_the_service_can_be_neither_replaced_nor_deleted(client):
    with pytest.raises(bessemer.InvalidArgument, match=r"name: 'digits' comes with the service"):
        client.datasets.upload("digits", (np.zeros((4, 2)), [0, 1, 0, 1]))
    with pytest.raises(bessemer.FailedPrecondition, match="comes with the service"):
        client.datasets.delete("digits")


def test_a_data_set_that_a_job_needs_stays_until_the_job_has_ended(client):
    client.datasets.upload("needed", (np.eye(10, dtype=np.float32), [0, 1] * 5))
    job = client.train("mlp", dataset="needed", epochs=1_000_000, batch_size=4)
    with pytest.raises(bessemer.FailedPrecondition, match=job.id):
        client.datasets.delete("needed")
    job.cancel()
    with pytest.raises(bessemer.JobFailed):
        job.wait()
    client.datasets.delete("needed")


def test_a_job_is_still_that_of_its_key_when_the_data_set_is_gone_or_another_one(client):
    arrays = (np.arange(60, dtype=np.float32).reshape(30, 2), np.arange(30) % 3)
    client.datasets.upload("fleeting", arrays)
    request = {"dataset": "fleeting", "epochs": 1, "idempotency_key": "fleeting"}
    job = client.train("mlp", **request).wait(progress=False)
    client.datasets.delete("fleeting")
    assert client.train("mlp", **request).id == job.id
    client.datasets.upload("fleeting", (arrays[0] + 1, arrays[1]))
    assert client.train("mlp", **request).id == job.id
    client.datasets.delete("fleeting")


def test_a_table_of_its_own_validates_a_model_of_another(client):
    x = np.random.default_rng(2).normal(size=(90, 2)).astype("float32")
    y = (x[:, 0] > 0).astype(int)
    client.datasets.upload("seen", (x[:60], y[:60]))
    client.datasets.upload("unseen", (x[60:], y[60:]))
    job = client.train(
        "mlp", dataset="seen", validation_dataset="unseen", epochs=3, batch_size=12, test_split=0
    )
    job.wait()
    assert len(job.history["val/accuracy"]) == 3
    assert job.progress.steps == 3 * 5
    assert job.effective_spec["validation_dataset"] == "unseen"
    measured = job.model.evaluate("unseen", split="train").metrics["accuracy"]
    assert measured == pytest.approx(job.metrics["val/accuracy"])
    with pytest.raises(bessemer.InvalidArgument, match="did you mean unseen") as refused:
        client.train("mlp", dataset="seen", validation_dataset="unsen")
    assert [violation.field for violation in refused.value.violations] == ["validation_dataset"]
