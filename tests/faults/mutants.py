"""The service with one of its protections removed, to see that a test would notice."""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Sequence

import bessemer_server
from tests.fix_service import Service


class Mutant(Service):
    """A server, with all its processes, of a copy of the code in which some pieces of text are others."""

    def __init__(self, folder: pathlib.Path, changes: Sequence[tuple[str, str, str]], *flags: str) -> None:
        """`changes`: module, what stands there once, what stands there instead."""
        super().__init__(folder / "data", *flags)
        self._code = folder / "code"
        package = pathlib.Path(bessemer_server.__file__).parent
        shutil.copytree(package, self._code / package.name, ignore=shutil.ignore_patterns("__pycache__"))
        for module, old, new in changes:
            file = self._code / package.name / module
            text = file.read_text()
            assert text.count(old) == 1, f"{module} has {text.count(old)} times {old!r}"
            file.write_text(text.replace(old, new))

    def command(self, listen: str = "127.0.0.1:0") -> list[str]:
        path = os.pathsep.join([str(self._code), os.environ.get("PYTHONPATH", "")])
        return ["env", f"PYTHONPATH={path}", *super().command(listen)]
