"""Predictions over a data set: stopped at any step, any number of times, they end with the bytes of those that never stopped."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from bessemer_server.data import digits, iris, sources
from bessemer_server.domain import errors, jobs, plans, predictions
from bessemer_server.domain.checkpoints import TensorEntry
from bessemer_server.training import asking, failures, inference, loop, predicting, subsets
from tests.unit.training import recording

TRAINED_BY = {"architecture": "mlp", "dataset": "digits", "epochs": 1, "seed": 1, "test_split": 0.3}
SPEC = {"model": "digits@1", "dataset": "digits", "split": "all", "batch_size": 100}
STEPS = 18


@pytest.fixture(scope="module")
def trained():
    outcome, _ = recording.train(TRAINED_BY)
    return json.loads(json.dumps(outcome.definition)), outcome.weights


def environment(trained, threads=1):
    definition, weights = trained
    tensors = tuple(TensorEntry(name, "float32", (), (), 0) for name in weights)
    asked = predictions.Asked(definition, TRAINED_BY, tensors)
    return dataclasses.replace(
        recording.environment(threads), asked=asked, read=lambda entry: weights[entry.name]
    )


def finish(trained, resume=None, threads=1, **changes):
    found = predicting.run({**SPEC, **changes}, environment(trained, threads), recording.Recorder(), resume)
    assert isinstance(found, loop.Predicted)
    return found.result


@pytest.fixture(scope="module")
def unbroken(trained):
    return finish(trained)


def check_equal(snapshot, other):
    assert (snapshot.step, snapshot.state) == (other.step, other.state)
    assert snapshot.tensors.keys() == other.tensors.keys()
    for name, array in snapshot.tensors.items():
        np.testing.assert_array_equal(array, other.tensors[name], strict=True)


def test_every_sample_has_the_probabilities_that_the_model_gives_it(trained, unbroken, tmp_path):
    samples, _ = digits.DIGITS.load(sources.Folders(None, tmp_path))
    definition, weights = trained
    model = inference.InferenceModel(definition, weights, "cpu")
    (given,) = definition["inputs"]
    expected = model.predict({given["name"]: samples.inputs})["probabilities"]
    np.testing.assert_allclose(unbroken.tensors[predictions.PROBABILITIES], expected, atol=1e-6)
    np.testing.assert_array_equal(unbroken.tensors[predictions.TRUE_CLASSES], samples.labels)
    assert unbroken.step == STEPS
    assert unbroken.state[predictions.LABELS] == [str(n) for n in range(10)]


@pytest.mark.parametrize("stops", [[0], [1], [17], [5, 1, 7], [1] * 17])
def test_whoever_goes_on_ends_with_the_same_bytes(trained, unbroken, stops):
    resume = None
    for steps in stops:
        recorder = recording.Recorder(stop_after=steps)
        outcome = predicting.run(SPEC, environment(trained), recorder, resume)
        assert outcome == loop.Stopped(jobs.Command.PREEMPT)
        resume = recorder.snapshots[-1] if recorder.snapshots else resume
    assert (resume.step if resume else 0) == sum(stops)
    check_equal(finish(trained, resume), unbroken)


def test_whoever_goes_on_has_as_many_threads_as_whoever_began(trained, unbroken):
    recorder = recording.Recorder(stop_after=3)
    predicting.run(SPEC, environment(trained), recorder)
    check_equal(finish(trained, recorder.snapshots[-1], threads=2), unbroken)


def test_a_snapshot_has_what_was_done_and_shares_the_bytes_of_the_one_before(trained):
    recorder = recording.Recorder(stop_after=3)
    predicting.run(SPEC, environment(trained), recorder)
    first = recorder.snapshots[-1]
    assert first.tensors[predictions.PROBABILITIES].shape == (300, 10)
    again = recording.Recorder(stop_after=2)
    predicting.run(SPEC, environment(trained), again, first)
    second = again.snapshots[-1].tensors[predictions.PROBABILITIES]
    assert second.shape == (500, 10)
    np.testing.assert_array_equal(second[:300], first.tensors[predictions.PROBABILITIES])


def test_a_sample_of_which_the_network_makes_no_number_ends_the_job_by_its_number(monkeypatch, trained):
    run = inference.InferenceModel.run
    seen = []

    def lose(model, inputs):
        answer = run(model, inputs)
        seen.append(len(answer))
        if len(seen) == 3:
            answer[41] = np.nan
        return answer

    monkeypatch.setattr(inference.InferenceModel, "run", lose)
    with pytest.raises(
        failures.TrainingFailed,
        match="INVALID_DATA: what the network makes of sample 241 of the all split of digits is not",
    ) as failed:
        finish(trained)
    assert failed.value.failure.next_step


def test_who_is_told_to_cancel_saves_nothing(trained):
    recorder = recording.Recorder(stop_after=3, command=jobs.Command.CANCEL)
    outcome = predicting.run(SPEC, environment(trained), recorder)
    assert outcome == loop.Stopped(jobs.Command.CANCEL)
    assert recorder.snapshots == []


def test_the_last_report_has_all_steps_and_no_epochs(trained):
    recorder = recording.Recorder()
    predicting.run(SPEC, environment(trained), recorder)
    last = recorder.reports[-1]
    assert (last.step, last.steps, last.fraction, last.epochs, last.eta_s) == (STEPS, STEPS, 1.0, 0, 0.0)


def test_the_splits_have_the_samples_that_the_models_job_had_and_all_has_each_once(trained, tmp_path):
    true = {
        split: finish(trained, split=split).tensors[predictions.TRUE_CLASSES]
        for split in (*subsets.SPLITS, subsets.ALL)
    }
    sizes = {split: len(found) for split, found in true.items()}
    assert sizes["test"] == round(1797 * 0.3)
    assert sizes["train"] + sizes["validation"] + sizes["test"] == sizes["all"] == 1797
    info = digits.DIGITS.info
    assert sizes == {split: subsets.count(TRAINED_BY, info, split) for split in sizes}


def plan(trained, info=None, **changes):
    asked = predictions.Asked(trained[0], TRAINED_BY, ())
    return asking.plan({"model": "digits@1", "dataset": "digits", **changes}, asked, info)


def test_a_specification_is_given_its_defaults(trained):
    expected = {"model": "digits@1", "dataset": "digits", "split": "all", "batch_size": 256}
    assert plan(trained) == expected
    assert plan(trained, **expected) == expected


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"dataset": "digit"}, "dataset", "did you mean digits"),
        (
            {"dataset": "iris"},
            "dataset",
            r"has features of shape \(4,\); the model takes image of shape \(8,",
        ),
        ({"dataset": "mnist"}, "dataset", r"has image of shape \(28, 28, 1\)"),
        ({"split": "tset"}, "split", "did you mean test"),
        ({"split": ""}, "split", "there is no split ''"),
        ({"batch_size": 0}, "batch_size", "at least 1"),
        ({"batch_size": 65_537}, "batch_size", "at most 65536"),
    ],
)
def test_what_cannot_be_predicted_is_refused_by_field(trained, changes, field, words):
    with pytest.raises(errors.InvalidArgument, match=words) as refused:
        plan(trained, **changes)
    assert [violation.field for violation in refused.value.violations] == [field]


def test_all_faults_are_told_at_once(trained):
    with pytest.raises(errors.InvalidArgument) as refused:
        plan(trained, dataset="nothing", split="none", batch_size=-1)
    assert {violation.field for violation in refused.value.violations} == {"dataset", "split", "batch_size"}


def test_a_generator_is_refused(trained):
    asked = predictions.Asked({"kind": "generator"}, {}, ())
    with pytest.raises(errors.InvalidArgument, match="makes pictures") as refused:
        asking.plan({"model": "gan@1", "dataset": "digits"}, asked)
    assert [violation.field for violation in refused.value.violations] == ["model"]


def test_a_split_without_samples_is_refused(trained):
    asked = predictions.Asked(trained[0], {**TRAINED_BY, "validation_split": 0.0}, ())
    with pytest.raises(errors.InvalidArgument, match="digits has no validation samples") as refused:
        asking.plan({"model": "digits@1", "dataset": "digits", "split": "validation"}, asked)
    assert [violation.field for violation in refused.value.violations] == ["split"]


def test_an_uploaded_data_set_is_known_by_its_description(trained):
    mine = dataclasses.replace(digits.DIGITS.info, name="mine", labels=("only", "two"), bundled=False)
    assert plan(trained, mine, dataset="mine")["dataset"] == "mine"
    table: plans.DatasetInfo = dataclasses.replace(iris.IRIS.info, name="mine")
    with pytest.raises(errors.InvalidArgument, match="mine has features"):
        plan(trained, table, dataset="mine")
