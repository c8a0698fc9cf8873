"""What `import bessemer` adds to the start of an interpreter."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from benchmarks.measurements import Figure

RUNS_AT_LEAST = 20


def measure(runs: int) -> list[Figure]:
    """Start interpreters with and without the import, in turn, and subtract the median of those without."""
    count = max(runs, RUNS_AT_LEAST)
    _run("import bessemer")  # compiles and reads the files once
    pairs = [(_run("pass"), _run("import bessemer")) for _ in range(count)]
    bare = statistics.median(bare for bare, _ in pairs)
    return [Figure("import bessemer", "s", [full - bare for _, full in pairs], aim=0.15)]


def _run(code: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - started
