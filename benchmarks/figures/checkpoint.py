"""What checkpoints cost a step: the mean time of a step with checkpoints, as a multiple of that without any.

Everything is real but the executor: the loop, its observer and threads, the unix socket, the server's servicer and SQLite,
server and trainer each in a process. Two states: 14 MB that all change, about that of `cifar_cnn` on CIFAR-10; and 100 MB of
which a frozen resnet50 is 94 MB. `waiting` is what a loop would cost that goes on when a checkpoint is committed.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from typing import Any

from benchmarks.measurements import Figure

WARM_UP = 20
"""Steps that are not counted."""
BASE: dict[str, Any] = {"dataset": "digits", "validation_split": 0.0, "seed": 1, "epochs": 1}
MOVING = {
    **BASE, "architecture": "mlp", "options": {"hidden": [1024, 1024]}, "test_split": 0.2, "batch_size": 256, "epochs": 80,
}  # fmt: skip
FROZEN = {
    **BASE, "architecture": "transfer", "options": {"backbone": "resnet50", "weights": "random"}, "test_split": 0.98,
    "batch_size": 32, "epochs": 400,
}  # fmt: skip
STATES = {"14 MB": (MOVING, 40), "100 MB, 94 frozen": (FROZEN, 200)}
"""Specification, and steps between two checkpoints."""


def measure(runs: int) -> list[Figure]:
    """Each mode in turn in each run, so that a slow minute of the machine meets all."""
    figures = []
    for name, (spec, every) in STATES.items():
        modes = {
            f"every {every} steps, waiting": ({"every_epochs": 0, "every_steps": every}, "waiting"),
            f"every {every} steps": ({"every_epochs": 0, "every_steps": every}, "aside"),
            "due at each step, waiting": ({"every_epochs": 0, "every_steps": 1}, "waiting"),
            "due at each step": ({"every_epochs": 0, "every_steps": 1}, "aside"),
        }
        if spec is FROZEN:
            modes = dict(list(modes.items())[:2])
        ratios: dict[str, list[float]] = {mode: [] for mode in modes}
        for _ in range(runs):
            plain = _mean_step_s(spec, {"every_epochs": 0}, "aside")
            for mode, (settings, way) in modes.items():
                ratios[mode].append(_mean_step_s(spec, settings, way) / plain)
        figures += [Figure(f"a step, {name}, saved {mode}", "x", values) for mode, values in ratios.items()]
    return figures


def _mean_step_s(spec: dict[str, Any], settings: dict[str, Any], mode: str) -> float:
    text = json.dumps({**spec, "checkpoint": settings})
    with tempfile.TemporaryDirectory(prefix="bessemer-bench-") as folder:
        command = [sys.executable, "-m", "benchmarks.figures.checkpoint_server", folder, text]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout
            address, token = server.stdout.readline().split()
            trainer = [sys.executable, "-m", "benchmarks.figures.checkpoint_loop", address, token, text, mode]
            done = subprocess.run(trainer, check=True, stdout=subprocess.PIPE, text=True)
            server.communicate()
    return statistics.fmean(json.loads(done.stdout)[WARM_UP:])
