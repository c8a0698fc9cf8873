"""What is raised while training, as the failure that is reported."""

import errno
import pathlib

import pytest
import torch

from bessemer_server.data import sources
from bessemer_server.domain import jobs
from bessemer_server.training import failures


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (sources.InvalidData("torn", "fetch again"), jobs.Reason.INVALID_DATA),
        (torch.OutOfMemoryError("CUDA out of memory\nmore"), jobs.Reason.OUT_OF_MEMORY_DEVICE),
        (MemoryError(), jobs.Reason.OUT_OF_MEMORY_HOST),
        (OSError(errno.ENOSPC, "No space left on device", "/x/part"), jobs.Reason.DISK_FULL),
    ],
)  # fmt: skip
def test_known_errors_become_a_failure_with_a_next_step(error, reason):
    with pytest.raises(failures.TrainingFailed) as caught, failures.translated():
        raise error
    failure = caught.value.failure
    assert failure.reason is reason
    assert failure.message
    assert "\n" not in failure.message
    assert failure.next_step
    assert int(failure.evidence["peak_memory_bytes"]) > 2**20


def test_a_write_to_a_full_disk_is_named():
    def write():
        pathlib.Path("/dev/full").write_text("x")  # the kernel's own full disk

    with pytest.raises(failures.TrainingFailed) as caught, failures.translated():
        write()
    assert caught.value.failure.reason is jobs.Reason.DISK_FULL


def test_numbers_that_left_the_finite_ones_are_told_with_the_last_that_had_not():
    failure = failures.non_finite("the loss", 7, 2, 0.1 + 0.2, 3.0).failure
    figures = {
        name: failure.evidence[name] for name in ("step", "epoch", "last_finite_loss", "learning_rate")
    }
    assert figures == {
        "step": "7",
        "epoch": "2",
        "last_finite_loss": "0.30000000000000004",
        "learning_rate": "3.0",
    }
    assert "last_finite_loss" not in failures.non_finite("the loss", 1, 1, None, 3.0).failure.evidence


def test_an_allocation_that_the_host_refuses_is_out_of_memory_on_the_host():
    with pytest.raises(failures.TrainingFailed) as caught, failures.translated():
        torch.empty(2**55)
    assert caught.value.failure.reason is jobs.Reason.OUT_OF_MEMORY_HOST


def test_other_errors_pass_as_they_are():
    with pytest.raises(RuntimeError, match="a bug"), failures.translated():
        raise RuntimeError("a bug")
