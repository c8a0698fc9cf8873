"""What the fork server holds when it forks."""

import subprocess
import sys

SCRIPT = """
import pathlib, sys

def count_threads():
    return int(pathlib.Path("/proc/self/status").read_text().split("Threads:")[1].split()[0])

before = count_threads()
import bessemer_server.worker.reporting
assert "grpc" in sys.modules
print(count_threads() - before)
import bessemer_server.worker.preloaded
print("torch" in sys.modules, "sqlalchemy" in sys.modules, "pydantic_settings" in sys.modules)
import torch
print(torch.cuda.is_initialized())
"""


def test_the_preload_has_torch_at_hand_and_importing_grpc_starts_no_thread():
    shown = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=120
    )
    assert shown.stdout.split() == ["0", "True", "False", "False", "False"]
