"""A process forked from a preloaded one trains, with threads of its own."""

from __future__ import annotations

import os
import subprocess
import sys

SCRIPT = """
import os, sys, threading
from bessemer_server.training import preload

preload.preload()
assert "grpc" not in sys.modules, "gRPC does not survive a fork"
SLOW = {"torch._dynamo", "sympy", "sklearn", "scipy"}
import torch

assert not torch.cuda.is_initialized()
threads = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else threading.active_count()
assert threads == 1, f"{threads} threads: they do not survive a fork"
modules = set(sys.modules)
child = os.fork()
if child:
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status))
from tests.unit.training import recording
from bessemer_server.training import loop

modules |= {"tests", "tests.unit", "tests.unit.training", "tests.unit.training.recording"}
spec = {"architecture": "mnist_cnn", "dataset": "digits", "epochs": 1, "options": {"filters": [8, 8]}}
outcome = loop.run(spec, recording.environment(threads=2), recording.Recorder())
assert torch.get_num_threads() == 2
assert isinstance(outcome, loop.Trained)
late = {name for name in set(sys.modules) - modules if name.startswith("bessemer_server")}
assert not late, f"imported only after the fork: {late}"
slow = SLOW & set(sys.modules)
assert not slow, f"imported, though it takes seconds and nothing here needs it: {slow}"
print("trained", flush=True)
os._exit(0)
"""


def test_a_fork_of_a_preloaded_process_trains_with_two_threads_and_imports_nothing_slow():
    # NumPy's OpenBLAS starts threads when it is imported, and knows how to fork; without them, any other
    # shows.
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "trained\n"
