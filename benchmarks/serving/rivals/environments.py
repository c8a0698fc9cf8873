"""An environment for each rival: their requirements contradict each other, and ours."""

from __future__ import annotations

import os
import pathlib
import subprocess

from benchmarks.serving.rivals import table

DEFAULT = pathlib.Path("~/.cache/bessemer-benchmarks").expanduser()


def find(rival: table.Rival, folder: pathlib.Path) -> pathlib.Path:
    """The interpreter of the rival's environment; made when it is not there. Raises `CalledProcessError`."""
    home = folder / pathlib.Path(rival.script).stem.removesuffix("_server")
    python = home / "bin" / "python"
    if not python.exists():
        environment = {**os.environ, "VIRTUAL_ENV": str(home)}
        subprocess.run(["uv", "venv", "--quiet", "--python", rival.python, str(home)], check=True)
        packages = [*rival.packages, *table.COMMON]
        subprocess.run(["uv", "pip", "install", "--quiet", *packages], check=True, env=environment)
    return python
