"""The run that nobody interrupts, once for all tests of faults."""

import pytest

import bessemer
from tests.faults import failing, results, tally
from tests.faults.runs import SPEC


@pytest.fixture(scope="session")
def unbroken(service):
    """The run that nobody interrupts."""
    with bessemer.connect(service.address) as client:
        job = client.train("mnist_cnn", **SPEC)
        job.wait()
        yield job


@pytest.fixture(scope="session")
def expected(service):
    """What the job of `failing.SPEC` leaves when nothing happens to it."""
    with bessemer.connect(service.address) as client:
        job = client.train("mnist_cnn", **failing.SPEC).wait(progress=False)
    return results.read(service.data_dir, job.id)


def pytest_terminal_summary(terminalreporter):
    """What the long form has done."""
    if tally.ROWS:
        terminalreporter.section("faults")
        for line in tally.lines():
            terminalreporter.write_line(line)
