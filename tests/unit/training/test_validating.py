"""A data set of its own to validate on."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bessemer_server.data import sources, uploaded
from bessemer_server.domain import errors, metrics, plans
from bessemer_server.training import loop, resolving
from tests.unit.training import recording

SPEC = {
    "architecture": "mlp", "dataset": "points", "validation_dataset": "others", "epochs": 30, "batch_size": 10,
    "optimizer": {"learning_rate": 0.05}, "test_split": 0.0,
}  # fmt: skip


def make_source(name, labels, split_sizes, shape=(2,)):
    """Two clouds of points: `left` is below 0, `right` above; whichever number the label has."""
    random = np.random.default_rng(len(name))
    tensors = {}
    for split, size in split_sizes.items():
        numbers = np.arange(size) % len(labels)
        centres = np.array([-2.0 if label == "left" else 2.0 for label in labels])[numbers]
        tensors[f"{split}/inputs"] = (random.normal(size=(size, *shape)) + centres[:, None]).astype(
            np.float32
        )
        tensors[f"{split}/labels"] = numbers.astype(np.int64)
    train, test = (split_sizes.get(split, 0) for split in ("train", "test"))
    info = plans.DatasetInfo(name, "Points.", "table", shape, tuple(labels), train, test, bundled=False)
    return uploaded.make_source(info, None, tensors.keys(), tensors.__getitem__)


POINTS = make_source("points", ["left", "right"], {"train": 40})


def run(validation, spec=SPEC):
    environment = dataclasses.replace(
        recording.environment(), uploaded=POINTS, uploaded_validation=validation
    )
    recorder = recording.Recorder()
    assert isinstance(loop.run(spec, environment, recorder), loop.Trained)
    return recorder


def refuse(validation, spec=SPEC):
    with pytest.raises(errors.InvalidArgument) as caught:
        resolving.resolve(spec, POINTS, validation=validation)
    ((violation),) = caught.value.violations
    return violation


def test_labels_go_by_name_and_all_samples_of_the_other_data_set_count():
    recorder = run(make_source("others", ["right", "left"], {"train": 30, "test": 10}))
    assert recorder.values(metrics.Scope.EPOCH, "val/accuracy")[-1] > 0.9
    assert recorder.reports[-1].steps == 30 * 4  # no training sample was held out


def test_a_data_set_without_some_of_the_labels_is_sound():
    recorder = run(make_source("others", ["right"], {"train": 7}))
    assert recorder.values(metrics.Scope.EPOCH, "val/accuracy")[-1] > 0.9


def test_early_stopping_may_watch_it_and_the_share_is_0_in_the_effective_specification():
    spec = {**SPEC, "early_stopping": {"monitor": "val/loss"}}
    others = make_source("others", ["left", "right"], {"train": 7})
    effective = resolving.resolve(spec, POINTS, validation=others).effective_spec
    assert effective["validation_split"] == 0
    assert resolving.resolve(effective, POINTS, validation=others).effective_spec == effective


@pytest.mark.parametrize(
    ("validation", "words"),
    [
        (
            make_source("others", ["left"], {"train": 4}, (3,)),
            r"of shape (3,), but points is table data of shape (2,)",
        ),
        (make_source("others", ["left", "rihgt"], {"train": 4}), "not: 'rihgt'; did you mean right?"),
        (make_source("points", ["left", "right"], {"train": 4}), "use validation_split"),
        (sources.REGISTRY.get("digits"), "digits is image data"),
    ],
)
def test_what_cannot_be_validated_on_is_refused(validation, words):
    violation = refuse(validation)
    assert violation.field == "validation_dataset"
    assert words in violation.description


def test_a_share_beside_it_is_refused():
    others = make_source("others", ["left"], {"train": 4})
    assert refuse(others, {**SPEC, "validation_split": 0.2}).field == "validation_split"


def test_an_unknown_name_is_refused_with_the_nearest():
    violation = refuse(None, {**SPEC, "validation_dataset": "iriss"})
    assert violation.field == "validation_dataset"
    assert "did you mean iris" in violation.description
