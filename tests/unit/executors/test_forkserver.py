"""What the fork server is started with, and that it cannot be started."""

from __future__ import annotations

import multiprocessing.forkserver
import os

import pytest

from bessemer_server.domain import errors
from bessemer_server.executors import forkserver


async def test_a_fork_server_that_cannot_be_started_is_away_and_no_fault_of_who_needs_it(monkeypatch):
    def fail() -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(vars(multiprocessing.forkserver)["_forkserver"], "ensure_running", fail)
    with pytest.raises(errors.Unavailable, match=r"the trainer could not be started .*Too many open files"):
        await forkserver.ForkServer().fork("trainer", print, daemon=True)


def test_no_library_tells_its_makers_of_this_machine(monkeypatch):
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    with forkserver._environment():
        assert os.environ["ORT_DISABLE_TELEMETRY"] == "1"


def test_the_threads_that_decide_bits_are_those_of_every_server(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    monkeypatch.setenv("GOMP_SPINCOUNT", "5")
    monkeypatch.delenv("MALLOC_TOP_PAD_", raising=False)
    before = dict(os.environ)
    with forkserver._environment():
        assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
        assert os.environ["GOMP_SPINCOUNT"] == "5"
        assert os.environ["MALLOC_TOP_PAD_"] == forkserver.ALLOCATOR["MALLOC_TOP_PAD_"]
    assert dict(os.environ) == before
