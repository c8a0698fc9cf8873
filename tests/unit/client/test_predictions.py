"""Files of predictions, from the messages of an answer."""

import csv
import io

import numpy as np
import pytest

from bessemer import errors, predictions
from bessemer.v1 import jobs_pb2

LABELS = ("a, b", "ü", 'say "no"')
PROBABILITIES = np.array([[0.7, 0.2, 0.1], [1e-9, 0.5, 0.5]], np.float32)


def messages(labels=LABELS):
    header = jobs_pb2.PredictionsHeader(samples=2, labels=labels, dataset_labels=["x", "y"])
    yield jobs_pb2.ReadPredictionsResponse(header=header)
    for row, true in zip(PROBABILITIES, (1, 0), strict=True):
        rows = jobs_pb2.PredictionRows(probabilities=row.tobytes(), true_classes=[true])
        yield jobs_pb2.ReadPredictionsResponse(rows=rows)


def write(target, failing=False):
    with predictions.writing(target) as writer:
        for message in messages():
            writer.write(message)
        if failing:
            raise errors.Unavailable("the server stops")


def test_each_sample_is_a_prediction_with_its_true_label():
    reader = predictions.Reader()
    found = [prediction for message in messages() for prediction in reader.read(message)]
    assert [(p.label, p.index, p.true_label) for p in found] == [("a, b", 0, "y"), ("ü", 1, "x")]
    assert found[0].probability == pytest.approx(0.7)
    assert reader.samples == 2


def test_csv_holds_any_label_and_every_digit():
    file = io.BytesIO()
    write(file)
    header, *rows = csv.reader(io.StringIO(file.getvalue().decode(), newline=""))
    assert header == ["sample", "true_label", "label", "probability", "p_a, b", "p_ü", 'p_say "no"']
    assert [row[:3] for row in rows] == [["0", "y", "a, b"], ["1", "x", "ü"]]
    np.testing.assert_array_equal(np.array([row[4:] for row in rows]).astype(np.float32), PROBABILITIES)
    assert not file.closed


@pytest.mark.parametrize("name", ["a.csv", "a.npz"])
def test_a_file_is_replaced_only_by_a_whole_one(tmp_path, name):
    (tmp_path / name).write_text("before")
    with pytest.raises(errors.Unavailable):
        write(tmp_path / name, failing=True)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "before"
    write(tmp_path / name)
    assert (tmp_path / name).read_bytes() != b"before"


def test_arrays_need_no_pickle(tmp_path):
    write(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["probabilities"], PROBABILITIES)
        assert arrays["label"].tolist() == ["a, b", "ü"]
        assert arrays["true_label"].tolist() == ["y", "x"]
        assert arrays["labels"].tolist() == [*LABELS]
        assert arrays["index"].tolist() == [0, 1]
