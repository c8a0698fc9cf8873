"""What is raised while training, as the failure that is reported."""

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


def test_an_allocation_that_the_host_refuses_is_out_of_memory_on_the_host():
    with pytest.raises(failures.TrainingFailed) as caught, failures.translated():
        torch.empty(2**55)
    assert caught.value.failure.reason is jobs.Reason.OUT_OF_MEMORY_HOST


def test_other_errors_pass_as_they_are():
    with pytest.raises(RuntimeError, match="a bug"), failures.translated():
        raise RuntimeError("a bug")
