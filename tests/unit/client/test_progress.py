"""How a job is shown while it is waited for."""

import datetime
import math

import pytest

from bessemer import events, jobs, progress
from bessemer.v1 import jobs_pb2

TIME = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
EPOCH = events.MetricsRecorded(
    1, TIME, 2, 80, {"val/loss": 0.5, "train/accuracy": 0.75, "train/loss": 0.25, "learning_rate": 0.1}
)


@pytest.fixture
def job():
    spec = jobs_pb2.TrainingSpec(architecture="mlp", dataset="iris", epochs=10)
    message = jobs_pb2.Job(id="j1", state=jobs_pb2.Job.RUNNING, effective_spec=spec)
    return jobs.Job(None, message)  # type: ignore[arg-type]  # nothing is asked of a service here


def shown(capsys, job, *told):
    with progress.show(job, enabled=True, goes_on=True) as display:
        for event in told:
            display.update(event)
    return capsys.readouterr().err.splitlines()


def test_each_epoch_is_a_line_with_its_metrics_in_a_fixed_order(capsys, job):
    assert shown(capsys, job, EPOCH) == ["epoch  2/10  loss 0.2500  accuracy 0.7500  val_loss 0.5000"]


def test_the_test_is_a_line_in_the_same_columns(capsys, job):
    tested = events.MetricsRecorded(2, TIME, 10, 400, {"test/accuracy": 0.5, "test/loss": 1.0})
    assert shown(capsys, job, tested) == ["test         loss 1.0000  accuracy 0.5000"]


def test_a_move_with_a_reason_is_told_but_the_end_is_left_to_who_waits(capsys, job):
    queued = events.StateChanged(1, TIME, "QUEUED", 1, "the trainer was lost", None)
    running = events.StateChanged(2, TIME, "RUNNING", 2, "", None)
    failed = events.StateChanged(3, TIME, "FAILED", 2, "no such file", None)
    assert shown(capsys, job, queued, running, failed) == ["queued: the trainer was lost"]


def test_predictions_have_a_line_for_each_tenth(capsys, job):
    told = [
        events.Progressed(step, TIME, events.Progress(0, 0, step, 20, step / 20, 0.0, None), {})
        for step in (1, 2, 3, 9, 20)
    ]
    assert shown(capsys, job, *told) == [
        "predicting   10%  step 2/20",
        "predicting   45%  step 9/20",
        "predicting  100%  step 20/20",
    ]


def test_nothing_is_shown_where_nothing_is_wanted(capsys, job):
    with progress.show(job, enabled=False, goes_on=True) as display:
        display.update(EPOCH)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("goes_on", "words"), [(True, "bessemer jobs cancel j1"), (False, "stops with its private")]
)
def test_an_interrupt_says_what_becomes_of_the_job(capsys, job, goes_on, words):
    with pytest.raises(KeyboardInterrupt), progress.show(job, enabled=True, goes_on=goes_on):
        raise KeyboardInterrupt
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0.0000"),
        (0.95, "0.9500"),
        (-12.5, "-12.5000"),
        (0.001, "0.001"),
        (3.14159e-5, "3.142e-05"),
        (8.5e27, "8.5e+27"),
        (math.nan, "nan"),
    ],
)
def test_a_value_has_four_decimals_where_they_tell_enough(value, text):
    assert progress.format_value(value) == text


@pytest.mark.parametrize(
    ("eta_seconds", "text"),
    [(None, "   976/s"), (8.4, "   976/s   0:08 left"), (3725, "   976/s  1:02:05 left")],
)
def test_the_pace_is_the_services_own_estimate(eta_seconds, text):
    assert progress._format_pace(events.Progress(1, 2, 3, 4, 0.5, 976.3, eta_seconds)) == text
