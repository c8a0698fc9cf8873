"""Where the figures come from: machine, software, commit."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import pathlib
import platform
import subprocess
import sys

import psutil

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = ("bessemer", "grpcio", "protobuf", "numpy", "sqlalchemy", "torch")


def describe() -> dict[str, str]:
    """All that a reader needs to judge a figure, or to measure it again."""
    return {
        "command": f"make bench ARGS='{' '.join(sys.argv[1:])}'" if sys.argv[1:] else "make bench",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": commit(),
        "cpu": _cpu_model(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in PACKAGES},
    }


def commit() -> str:
    """The commit that is checked out, with `+changes` when the tree has other content; `none` outside a repository."""
    found = _git("rev-parse", "--short=10", "HEAD")
    if not found:
        return "none"
    return f"{found}+changes" if _git("status", "--porcelain", "--untracked-files=no") else found


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _cpu_model() -> str:
    information = pathlib.Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
