"""The service with one of its protections removed, to see that a test would notice."""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Sequence

import bessemer_server

Change = tuple[str, str, str]
"""Module, what stands there once, what stands there instead."""


def make(folder: pathlib.Path, changes: Sequence[Change]) -> str:
    """Copy the code, with other text in some places; returns the PYTHONPATH with which processes run the copy."""
    package = pathlib.Path(bessemer_server.__file__).parent
    copy = folder / "mutant" / package.name
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for module, old, new in changes:
        file = copy / module
        text = file.read_text()
        assert text.count(old) == 1, f"{module} has {text.count(old)} times {old!r}"
        file.write_text(text.replace(old, new))
    return os.pathsep.join([str(copy.parent), os.environ.get("PYTHONPATH", "")])
