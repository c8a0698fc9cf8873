"""Writes and flushes of the database fail with EIO, one in a few or all of them: the server stays up and says so, nothing that it
acknowledged is lost, and all goes on by itself to the very same result."""

import contextlib
import pathlib
import random
import re
import shutil
import subprocess
import time

import pytest

import bessemer
from tests.faults import failing, results
from tests.fix_service import Service

BURSTS = 50
"""Of the long form, of up to 3 s."""
FIRST_BURSTS, ONE_IN = (1, 20), (1, 2, 5, 20)
"""One in so many writes fails: first all of them, then few, so that both are in the quick form."""
SOURCE = pathlib.Path(__file__).with_name("failing_disk.c")


class DyingService(Service):
    """A server whose disk fails as long as `failing_disk` lasts."""

    def command(self, listen="127.0.0.1:0"):
        self.control = self.data_dir.with_name("failing")
        library = self.data_dir.with_name("failing_disk.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
        return [
            "env",
            f"LD_PRELOAD={library}",
            f"BESSEMER_FAILING_DISK={self.control}",
            *super().command(listen),
        ]

    @contextlib.contextmanager
    def failing_disk(self, one_in):
        draft = self.control.with_suffix(".draft")
        draft.write_text(str(one_in))
        draft.rename(self.control)
        try:
            yield
        finally:
            self.control.unlink()


@pytest.fixture
def dying(tmp_path):
    service = DyingService(tmp_path / "data", "--slots", "2")
    service.start()
    yield service
    service.close()


@pytest.mark.skipif(not shutil.which("cc"), reason="the disk fails by a library that is compiled here")
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("bursts", [2, pytest.param(BURSTS, marks=pytest.mark.long)])
def test_a_disk_whose_writes_fail_loses_nothing_that_was_acknowledged(dying, bursts):
    draw = random.Random(7)
    accepted, refusals = {}, []
    with bessemer.connect(dying.address) as client:
        persistent = failing.Persistent(client)
        unbroken = client.train("mnist_cnn", **failing.SPEC).wait(progress=False)
        expected = results.read(dying.data_dir, unbroken.id)
        for burst in range(bursts):
            job = client.train("mnist_cnn", **failing.SPEC)
            persistent.watch_until(job, "RUNNING")
            until = time.monotonic() + draw.uniform(0.5, 3)
            with dying.failing_disk(
                FIRST_BURSTS[burst] if burst < len(FIRST_BURSTS) else draw.choice(ONE_IN)
            ):
                while time.monotonic() < until:
                    key = f"{burst}-{len(accepted)}-{len(refusals)}"
                    try:
                        accepted[key] = client.train("mlp", dataset="iris", epochs=1, idempotency_key=key).id
                    except (bessemer.Unavailable, bessemer.ResourceExhausted) as error:
                        refusals.append(str(error))
            job.wait(progress=False)
            assert job.attempt == 1
            assert results.read(dying.data_dir, job.id) == expected
        assert refusals
        assert accepted or bursts == 1
        assert all(re.search("disk I/O error|over its quota, or failing", text) for text in refusals)
        for key, job_id in accepted.items():
            again = client.train("mlp", dataset="iris", epochs=1, idempotency_key=key)
            assert again.id == job_id
            assert again.wait(progress=False).attempt == 1
    assert dying.stop() == 0  # it has not ended before
    results.check_whole(dying.data_dir)
