"""The rooms import each other as the contracts in pyproject.toml say, and each contract notices when one is broken."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = ROOT / "server" / "bessemer_server" / "domain"
BREACHES = [
    ("rooms", "server/bessemer_server/stores/__init__.py", "import bessemer_server.scheduling"),
    ("rooms", "server/bessemer_server/scheduling/__init__.py", "import bessemer_server.serving"),
    ("domain", "server/bessemer_server/domain/__init__.py", "import numpy"),
    ("torch", "server/bessemer_server/executors/__init__.py", "import torch"),
    ("torch", "server/bessemer_server/app.py", "from torch import nn"),
    ("sql", "server/bessemer_server/scheduling/__init__.py", "import sqlalchemy"),
    ("grpc", "server/bessemer_server/training/__init__.py", "import grpc"),
    ("grpc", "server/bessemer_server/scheduling/__init__.py", "from bessemer.v1 import jobs_pb2"),
    ("client", "client/bessemer/__init__.py", "import bessemer_server.app"),
    ("stubs", "server/bessemer_server/rpc/__init__.py", "import bessemer.client"),
]


def _lint_imports(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # Before the installed package: the tree that is given is the one that is checked.
    environment = {**os.environ, "PYTHONPATH": f"{tree / 'client'}{os.pathsep}{tree / 'server'}"}
    command = [
        *(sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()"),
        *("--no-cache", "--config", str(tree / "pyproject.toml"), *arguments),
    ]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the sources and of the contracts."""
    for folder in ("client", "server"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_is_kept() -> None:
    outcome = _lint_imports(ROOT)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize(("contract", "path", "statement"), BREACHES)
def test_a_breach_is_noticed(copy: Path, contract: str, path: str, statement: str) -> None:
    with (copy / path).open("a", encoding="utf-8") as file:
        file.write(f"\n{statement}\n")
    outcome = _lint_imports(copy, "--contract", contract)
    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    assert "Contracts: 0 kept, 1 broken." in outcome.stdout


def test_a_room_that_no_contract_knows_is_noticed(copy: Path) -> None:
    (copy / "server" / "bessemer_server" / "attic.py").write_text("")
    outcome = _lint_imports(copy, "--contract", "rooms")
    assert outcome.returncode == 1
    assert "attic" in outcome.stdout


@pytest.mark.parametrize("path", sorted(DOMAIN.rglob("*.py")), ids=lambda path: path.stem)
def test_a_module_of_the_domain_imports_the_standard_library_and_the_domain_only(path: Path) -> None:
    allowed = sys.stdlib_module_names | {"bessemer_server"}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        assert {name.partition(".")[0] for name in names} <= allowed
