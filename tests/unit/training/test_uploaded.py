"""Runs on data that a user uploaded."""

from __future__ import annotations

import dataclasses

import numpy as np

from bessemer_server.domain import metrics
from bessemer_server.layers import kinds as layers
from bessemer_server.training import loop, planning
from bessemer_server.worker import fetching, ingester
from tests import tiny_texts
from tests.unit.data import upload_files
from tests.unit.training import recording


def train(upload, spec):
    content = ingester.ingest(upload)
    source = fetching.open_source(content, upload.output)
    effective = planning.plan(spec, content.info).effective_spec
    environment = dataclasses.replace(recording.environment(), uploaded=source)
    recorder = recording.Recorder()
    outcome = loop.run(effective, environment, recorder)
    assert isinstance(outcome, loop.Trained)
    return outcome, recorder


def test_texts_in_a_csv_train_a_model_that_reads_texts(tmp_path, monkeypatch):
    monkeypatch.setitem(layers.REGISTRY._entries, "bag", tiny_texts.BAG)
    rows = "".join(
        f"{word} it is,{label}\n" for _ in range(20) for word, label in (("fine", "good"), ("dull", "bad"))
    )
    upload = upload_files.spool(tmp_path, {"reviews.csv": f"review,label\n{rows}".encode()}, "CSV")
    outcome, recorder = train(upload, {**tiny_texts.SPEC, "dataset": "mine", "epochs": 12})
    assert recorder.values(metrics.Scope.TEST, "test/accuracy") == [1.0]
    assert outcome.definition["labels"] == ["bad", "good"]
    assert outcome.definition["inputs"][0]["name"] == "text"


def test_a_test_split_of_its_own_is_the_one_that_is_tested_on(tmp_path):
    x = np.array([[-1.0], [1.0]] * 20)
    files = upload_files.save(x_train=x, y_train=[0, 1] * 20, x_test=x, y_test=[1, 0] * 20)
    spec = {"architecture": "mlp", "dataset": "mine", "epochs": 30, "batch_size": 4}
    _, recorder = train(upload_files.spool(tmp_path, files, "NPZ"), spec)
    assert recorder.values(metrics.Scope.EPOCH, "train/accuracy")[-1] == 1.0
    assert recorder.values(metrics.Scope.TEST, "test/accuracy") == [0.0]
