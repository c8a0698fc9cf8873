"""What reaches the server of what the loop tells, and in which order."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from bessemer_server.domain import jobs, metrics
from bessemer_server.training import loop
from bessemer_server.worker import observer
from tests.unit.worker import scripted

PATIENCE_S = 20.0
"""For what comes at once, unless it never comes."""


def point(step: int) -> metrics.Metric:
    return metrics.Metric(metrics.Scope.STEP, "train/loss", step, epoch=1, value=1 / step)


def snapshot(step: int) -> loop.Snapshot:
    return loop.Snapshot(epoch=0, step=step, tensors={"model/w": np.zeros(3, np.float32)}, state={})


def test_a_checkpoint_is_saved_though_the_loop_records_before_each_report_is_acknowledged(
    tmp_path: Path,
) -> None:
    server = scripted.Server()
    with scripted.serve(server, tmp_path) as client, observer.RemoteObserver(client) as remote:
        steps = itertools.count(1)

        def step_on() -> None:  # so the buffer is never empty, until there is a checkpoint
            if not server.has_saved.is_set():
                remote.record([point(next(steps))])

        server.before_answer = step_on
        step_on()
        remote.checkpoint(snapshot(step=1))
        assert server.has_saved.wait(PATIENCE_S)
        remote.flush()
    assert server.steps == list(range(1, next(steps)))


def test_a_checkpoint_is_saved_when_the_metrics_up_to_it_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer, "REPORT_MAX_POINTS", 2)  # so that it takes several reports
    server = scripted.Server()
    with scripted.serve(server, tmp_path) as client, observer.RemoteObserver(client) as remote:
        for step in range(1, 31):
            remote.record([point(step)])
            if step % 10 == 0:
                remote.checkpoint(snapshot(step))
        remote.flush()
    assert sorted(server.saved) == [10, 20, 30]
    for step, known in server.saved.items():
        assert known[:step] == list(range(1, step + 1))
    assert server.steps == list(range(1, 31))


def test_all_that_was_told_is_there_after_a_flush(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observer, "REPORT_MAX_POINTS", 2)
    server = scripted.Server()
    with scripted.serve(server, tmp_path) as client, observer.RemoteObserver(client) as remote:
        remote.record([point(1), point(2), point(3)])
        remote.progress(jobs.Progress(step=3, steps=4))
        remote.checkpoint(snapshot(step=3))
        remote.record([point(4)])
        remote.progress(jobs.Progress(step=4, steps=4))
        remote.flush()
        assert server.steps == [1, 2, 3, 4]
        assert server.progress[-1] == 4
        assert list(server.saved) == [3]
