"""What holds of the repository's own files."""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[2]
CONSTRAINTS = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
PIN = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[0-9][^\s;]*)( ; [\w\s.'<>=!()]+)?")


def _requirements() -> Iterator[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for group in (project["dependencies"], *project["optional-dependencies"].values()):
        yield from (Requirement(text) for text in group if not text.startswith("bessemer["))


@pytest.mark.parametrize("folder", ["client", "server"])
def test_a_source_root_is_no_package(folder: str) -> None:
    assert not (ROOT / folder / "__init__.py").exists()


def test_constraints_are_exact_versions_and_name_no_host() -> None:
    assert [line for line in CONSTRAINTS if not PIN.fullmatch(line)] == []


def test_every_dependency_is_pinned_to_versions_that_it_admits() -> None:
    pins: dict[str, list[Version]] = {}
    for line in CONSTRAINTS:
        if pin := PIN.fullmatch(line):
            pins.setdefault(pin["name"], []).append(Version(pin["version"]))
    for requirement in _requirements():
        versions = pins.get(canonicalize_name(requirement.name), [])
        assert versions, f"{requirement.name} is not pinned: run `make lock`"
        assert all(version in requirement.specifier for version in versions), requirement


def test_make_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^\.PHONY: (\S+)", makefile, re.MULTILINE))
    # Make sets these for what runs below it; here they would change what is printed.
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
    listing = subprocess.run(
        ["make", "help"], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert set(re.findall(r"^  make (\S+)", listing, re.MULTILINE)) == targets
    assert {"demo", "test", "lint", "protos", "bench", "format", "lock", "run"} <= targets


def test_a_python_that_is_too_old_or_absent_is_refused_with_what_is_needed() -> None:
    outcome = subprocess.run(
        [str(ROOT / "tools" / "find_python"), "no-such-python"], capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 1
    assert outcome.stdout == ""
    assert "no-such-python" in outcome.stderr
    assert "Python 3.11 or newer" in outcome.stderr


def test_the_licence_is_the_whole_text() -> None:
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Version 2.0, January 2004" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
