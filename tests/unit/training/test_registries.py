"""Every architecture, layer, optimizer and data set, whoever added it: found by registry, tested without
more."""

from __future__ import annotations

import numpy as np
import pytest

from bessemer_server.architectures import kinds as architectures
from bessemer_server.data import sources
from bessemer_server.domain import errors, jobs, metrics, tensors
from bessemer_server.training import inference, loop, planning
from bessemer_server.training.exchange import exporting
from bessemer_server.training.optimizers import kinds as optimizers
from tests import tiny_texts
from tests.unit.training import recording

BUNDLED = [source for source in sources.REGISTRY if source.info.bundled]
SMALL = [*BUNDLED, tiny_texts.TINY]
"""No data set of texts is bundled."""


@pytest.fixture(autouse=True)
def _with_texts(monkeypatch):
    monkeypatch.setitem(sources.REGISTRY._entries, tiny_texts.TINY.name, tiny_texts.TINY)


def fitting_specs(architecture):
    """A short run of the architecture on each small data set that it can learn."""
    (options, *_) = architecture.options.model_json_schema().get("examples", [{}])
    for source in SMALL:
        spec = {"architecture": architecture.name, "dataset": source.name, "options": options, "epochs": 1}
        if source.info.kind == "text":
            spec["text"] = {"length": 12}
        size = source.info.train_samples // 3
        try:
            yield planning.plan({**spec, "batch_size": size}).effective_spec
        except errors.InvalidArgument:
            continue


@pytest.mark.parametrize("architecture", list(architectures.REGISTRY), ids=lambda a: a.name)
def test_every_architecture_trains_resumes_predicts_and_is_exported(architecture):
    specs = list(fitting_specs(architecture))
    assert specs, "no small data set fits the architecture with its example options"
    for spec in specs:
        whole, _ = recording.train(spec)
        first = recording.Recorder(stop_after=1)
        assert isinstance(loop.run(spec, recording.environment(), first), loop.Stopped)
        resumed, _ = recording.train(spec, resume=first.snapshots[0])
        assert {n: a.tobytes() for n, a in resumed.weights.items()} == {
            n: a.tobytes() for n, a in whole.weights.items()
        }
        assert exporting.export(whole.definition, whole.weights, {})
        if whole.definition["kind"] == "classifier":
            assert whole.parameters == planning.plan(spec).parameters
            check_predictions(whole)


def check_predictions(outcome: loop.Trained) -> None:
    model = inference.InferenceModel(outcome.definition, outcome.weights, "cpu")
    model.warm()
    (signature,), (output,) = outcome.definition["inputs"], outcome.definition["outputs"]
    value = b"great" if signature["datatype"] == "BYTES" else 1
    raw = np.full((3, *signature["shape"][1:]), value, tensors.NUMPY_NAMES[signature["datatype"]])
    answer = model.predict({signature["name"]: raw})
    assert list(answer) == [output["name"]]
    assert answer[output["name"]].shape == (3, *output["shape"][1:])
    assert np.isfinite(answer[output["name"]]).all()


@pytest.mark.parametrize("optimizer", list(optimizers.REGISTRY), ids=lambda o: o.name)
def test_every_optimizer_learns_and_resumes(optimizer):
    spec = {
        "architecture": "mlp", "dataset": "iris", "epochs": 10, "optimizer": {"kind": optimizer.name}
    }  # fmt: skip
    whole, recorder = recording.train(spec)
    first, *_, last = recorder.values(metrics.Scope.STEP, "train/loss")
    assert last < first
    interrupted = recording.Recorder(stop_after=7)
    assert loop.run(spec, recording.environment(), interrupted) == loop.Stopped(jobs.Command.PREEMPT)
    resumed, _ = recording.train(spec, resume=interrupted.snapshots[-1])
    assert all((resumed.weights[name] == array).all() for name, array in whole.weights.items())


@pytest.mark.parametrize("source", BUNDLED, ids=lambda s: s.name)
def test_every_bundled_data_set_is_what_its_description_says(source, tmp_path):
    train, _ = source.load(sources.Folders(None, tmp_path))
    assert train.inputs.dtype == (np.uint8 if source.info.kind == "image" else np.float32)
    assert set(train.labels) == set(range(len(source.info.labels)))
    if source.scale is not None:
        assert train.inputs.max() == source.scale
