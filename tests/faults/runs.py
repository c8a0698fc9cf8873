"""The run that faults are tried on, and how it is watched and compared."""

from typing import Any

import numpy as np
import psutil

import bessemer
from tests.fix_service import ROUNDING

EPOCHS = 10
SPEC: dict[str, Any] = {"dataset": "digits", "epochs": EPOCHS, "seed": 3, "batch_size": 32}


def watch_until_epoch(job, epoch):
    for event in job.watch():
        if not isinstance(event, bessemer.Progressed):
            continue
        if event.progress.epoch >= epoch and is_amid_epoch(event.progress):
            return
    raise AssertionError(f"the job ended before epoch {epoch}")


def is_amid_epoch(progress):
    return progress.step % (progress.steps // progress.epochs) != 0


def pause_amid_epoch(job):
    """Pauses the job as often as it takes: one that stands at the end of an epoch shows nothing."""
    for _ in range(5):
        assert job.pause().state == "PAUSING"
        assert job.pause().state in ("PAUSING", "PAUSED")
        watch_until(job, "PAUSED")
        if is_amid_epoch(job.refresh().progress):
            return
        attempt = job.attempt
        job.resume()
        wait_until_running(job, attempt + 1)
    raise AssertionError("paused five times, always at the end of an epoch")


def wait_until_running(job, attempt):
    for event in job.watch():
        if isinstance(event, bessemer.StateChanged) and (event.state, event.attempt) == ("RUNNING", attempt):
            return
    raise AssertionError(f"attempt {attempt} never ran")


def watch_until(job, state):
    """The first event of this state that comes after what the job knows."""
    for event in job.watch(after=job._message.last_cursor):
        if isinstance(event, bessemer.StateChanged) and event.state == state:
            return event
    raise AssertionError(f"the job ended without being {state}")


def check_equal(job, unbroken):
    """Every metric of every step and epoch, once, with the same value; and the same predictions."""
    assert job.state == "SUCCEEDED"
    assert job.history.steps == unbroken.history.steps
    assert dict(job.history) == dict(unbroken.history)
    images = np.arange(4 * 64, dtype=np.uint8).reshape(4, 8, 8) % 17
    ours, theirs = job.model.predict(images), unbroken.model.predict(images)
    # Two servers may have found different engines to be the fastest.
    np.testing.assert_allclose(
        [p.probabilities for p in ours], [p.probabilities for p in theirs], atol=ROUNDING
    )


def check_nobody_is_left(processes):
    """A process that nobody needs any more ends by itself."""
    _, alive = psutil.wait_procs(processes, timeout=20)
    for process in alive:
        process.kill()
    assert not alive, f"still there: {alive}"
