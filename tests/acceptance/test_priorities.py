"""Where there are fewer cores than work, the server goes before predictions, and these before training."""

import os
import pathlib

import numpy as np
import pytest

from bessemer_server.worker.priorities import PREDICTIONS, WORK
from tests.faults.runs import wait_until_running, watch_until

ROW = np.array([[5.1, 3.5, 1.4, 0.2]], np.float32)


def read_steps(process):
    return os.getpriority(os.PRIO_PROCESS, process.pid)


@pytest.fixture
def job(client):
    """One that takes long."""
    client.train("mlp", dataset="iris", epochs=1).wait(progress=False).model.predict(ROW)
    job = client.train("mlp", dataset="iris", epochs=100_000)
    wait_until_running(job, 1)
    yield job
    job.cancel()
    watch_until(job, "CANCELLED")


@pytest.mark.usefixtures("job")
def test_predictors_stand_back_from_the_server_and_trainers_from_both(service):
    server, (trainer,) = service.processes()[0], service.trainers()
    assert {read_steps(each) - read_steps(server) for each in service.predictors()} == {PREDICTIONS}
    assert read_steps(trainer) - read_steps(server) == WORK
    group = pathlib.Path(f"/proc/{trainer.pid}/autogroup")
    if group.exists() and (text := group.read_text()):
        assert text.endswith(f"nice {read_steps(trainer)}\n")
