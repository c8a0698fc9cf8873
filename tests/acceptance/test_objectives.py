"""What a job makes small and what it measures, from the SDK to the model."""

import grpc
import numpy as np
import pytest
import sklearn.metrics
from click.testing import CliRunner
from sklearn import datasets

import bessemer
from bessemer.cli import group
from bessemer.v1 import catalog_pb2, catalog_pb2_grpc

LAYERS = [{"dense": {"units": 16, "activation": "relu"}}, {"dense": {"units": 1, "activation": "sigmoid"}}]
NAMES = ["precision", "recall", "f1", "roc_auc"]


@pytest.fixture(scope="module")
def job(service):
    with bessemer.connect(service.address) as client:
        job = client.train(
            "sequential",
            dataset="breast_cancer",
            name="tumours",
            epochs=4,
            seed=1,
            options={"layers": LAYERS},
            optimizer={"learning_rate": 0.01},
            loss="binary_cross_entropy",
            label_smoothing=0.05,
            class_weights="balanced",
            metrics=["accuracy", *NAMES],
            early_stopping={"monitor": "val/f1", "patience": 4},
        )
        yield job.wait()


def test_each_metric_is_in_the_history_for_each_split(job):
    for name in NAMES:
        assert len(job.history[f"train/{name}"]) == len(job.history[f"val/{name}"]) == 4
        assert len(job.history[f"test/{name}"]) == 1
    assert job.history["test/roc_auc"][0] > 0.95


def test_what_was_asked_for_comes_back_with_the_job(job):
    spec = job.effective_spec
    assert spec["loss"] == "binary_cross_entropy"
    assert spec["label_smoothing"] == 0.05
    assert spec["class_weights"] == "balanced"
    assert spec["metrics"] == ["accuracy", *NAMES]


def test_the_command_line_shows_the_metrics(job, service):
    shown = CliRunner().invoke(group, ["--server", service.address, "jobs", "show", job.id])
    assert shown.exit_code == 0
    assert f"val/f1 {job.metrics['val/f1']:.4f}" in shown.output
    assert "class_weights=balanced" in shown.output


def test_one_unit_predicts_a_probability_of_each_class_and_is_evaluated_as_it_was_tested(job):
    tumours = datasets.load_breast_cancer()
    probabilities = np.array([p.probabilities for p in job.model.predict(tumours.data.astype("float32"))])
    assert probabilities.shape == (569, 2)
    assert sklearn.metrics.roc_auc_score(tumours.target, probabilities[:, 1]) > 0.95
    found = job.model.evaluate()
    for name in ("loss", "accuracy", *NAMES):
        assert found[name] == pytest.approx(job.metrics[f"test/{name}"], rel=1e-4)
    assert found.confusion_matrix.shape == (2, 2)


def test_the_catalog_tells_which_losses_and_metrics_there_are(service):
    with grpc.insecure_channel(service.address) as channel:
        found = catalog_pb2_grpc.CatalogServiceStub(channel).ListArchitectures(
            catalog_pb2.ListArchitecturesRequest()
        )
    assert [loss.name for loss in found.losses] == ["binary_cross_entropy", "cross_entropy", "mse"]
    assert {"f1", "top_k_accuracy"} <= {metric.name for metric in found.metrics}
    assert all(entry.description for entry in (*found.losses, *found.metrics))


def test_a_summary_ends_as_the_loss_wants(client):
    plain = client.summary("mlp", dataset="breast_cancer")
    binary = client.summary("mlp", dataset="breast_cancer", loss="binary_cross_entropy")
    assert plain.parameters - binary.parameters == 129


def test_every_fault_is_named_by_its_path(client):
    with pytest.raises(bessemer.InvalidArgument) as refused:
        client.train(
            "mlp",
            dataset="digits",
            loss="binary_cross_entropy",
            label_smoothing=1.5,
            class_weights={"0": float("nan"), "ten": 1.0},
            metrics=["top_10_accuracy", "presision"],
            early_stopping={"monitor": "val/f1"},
        )
    assert {violation.field for violation in refused.value.violations} == {
        *("loss", "label_smoothing", "class_weights.0", "class_weights.ten"),
        *("metrics[0]", "metrics[1]", "early_stopping.monitor"),
    }
