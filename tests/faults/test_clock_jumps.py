"""The server's clock jumps by a day, forwards and backwards, while a job trains: nobody is taken for dead, nothing takes less
than no time, and who waits does not wait for a day.
"""

import contextlib
import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

import bessemer
from tests.faults import failing, results
from tests.faults.runs import wait_until_running
from tests.fix_service import Service

DAY_S = 86_400.0
OFFSETS_S = (-DAY_S, 0, DAY_S)
LEASE_S, SILENCE_S = 8.0, 1.5
"""A silence that the monotonic clock forgives, with several looks at the leases in it."""


class JumpingService(Service):
    """A server whose clock is set by `jump`."""

    def command(self, listen="127.0.0.1:0"):
        self.clock = self.data_dir.with_name("clock")
        self.jump(0)
        _, _, _, *flags = super().command(listen)
        return [
            "env",
            f"BESSEMER_TEST_CLOCK={self.clock}",
            sys.executable,
            "-m",
            "tests.faults.jumping_server",
            *flags,
        ]

    def jump(self, *offsets_s):
        """To one of them, another one each time that the clock is asked."""
        draft = self.clock.with_suffix(".draft")
        draft.write_text(" ".join(map(str, offsets_s)))
        draft.rename(self.clock)

    @contextlib.contextmanager
    def silence(self) -> Iterator[None]:
        """No trainer says anything while it lasts: what was heard last was stamped before."""
        trainers = self.trainers()
        for trainer in trainers:
            with contextlib.suppress(psutil.NoSuchProcess):
                trainer.suspend()
        time.sleep(0.2)  # what they sent is on its way
        try:
            yield
            time.sleep(SILENCE_S)
        finally:
            for trainer in trainers:
                with contextlib.suppress(psutil.NoSuchProcess):
                    trainer.resume()


@pytest.mark.parametrize(("jumps", "seed"), [(1, 0), pytest.param(20, 1, marks=pytest.mark.long)])
def test_jumps_of_the_clock_end_no_attempt_and_no_duration_is_negative(service, tmp_path, jumps, seed):
    offsets = other_each_time(random.Random(seed))
    check(service, tmp_path, jumps, lambda: [next(offsets)])


def other_each_time(draw):
    offset_s = 0
    while True:
        offset_s = draw.choice([other_s for other_s in OFFSETS_S if other_s != offset_s])
        yield offset_s


def check(service, tmp_path, jumps, draw_offsets):
    """Jump while a job trains and cannot be heard, and compare it with one of a service whose clock does not."""
    spec = failing.SPEC | {"epochs": 2 * jumps + 2}
    jumping = JumpingService(tmp_path / "data", "--lease-seconds", str(LEASE_S))
    jumping.start()
    try:
        with bessemer.connect(jumping.address) as client:
            job = client.train("mnist_cnn", **spec)
            other = client.train("mlp", dataset="iris", epochs=2)
            saved = 0
            for event in job.watch():
                if not isinstance(event, bessemer.CheckpointSaved):
                    continue
                saved += 1
                if saved % 5 == 4:
                    with jumping.silence():
                        jumping.jump(*draw_offsets())
            other.wait(progress=False)
            assert [one.refresh().attempt for one in (job, other)] == [1, 1]
            left = results.read(jumping.data_dir, job.id)
    finally:
        jumping.close()
    with bessemer.connect(service.address) as client:
        unbroken = client.train("mnist_cnn", **spec).wait(progress=False)
    assert left == results.read(service.data_dir, unbroken.id)
    results.check_whole(jumping.data_dir)
    with contextlib.closing(sqlite3.connect(jumping.data_dir / "bessemer.db")) as database:
        negative = "SELECT id FROM jobs WHERE start_time < create_time OR end_time < start_time"
        assert database.execute(negative).fetchall() == []


@pytest.mark.long
@pytest.mark.parametrize("offset_s", [-DAY_S, DAY_S])
def test_a_job_that_waits_before_its_next_attempt_does_not_wait_for_a_day(tmp_path, offset_s):
    jumping = JumpingService(tmp_path / "data", "--back-off-seconds", "2")
    jumping.start()
    try:
        with bessemer.connect(jumping.address) as client:
            job = client.train("mlp", **failing.CLOCK)
            for attempt in (1, 2):
                wait_until_running(job, attempt)
                trainer = max(jumping.trainers(), key=lambda process: process.create_time())
                os.kill(trainer.pid, signal.SIGKILL)
                trainer.wait(timeout=10)
            jumping.jump(offset_s)
            wait_until_running(job, 3)
            job.cancel()
    finally:
        jumping.close()
