"""Failpoints: nothing without a test, sure death with one, and a list that is the code's."""

import ast
import pathlib
import re
import signal
import subprocess
import sys

from bessemer_server.domain import failpoints

ROOT = pathlib.Path(__file__).resolve().parents[3]
PASSING = """
import os
from bessemer_server.domain import failpoints
failpoints.enable(os.environ)
for name in ("a", "b", "a", "a"):
    failpoints.hit(name)
    print(name, flush=True)
"""


def names_in_the_code():
    """What is passed to `failpoints.hit`, and names a write of the database."""
    for file in (ROOT / "server").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                continue
            called = ast.unparse(node.func)
            if called == "failpoints.hit":
                yield node.args[0].value
            elif called.endswith("database.write"):
                yield from (f"{node.args[0].value!s}.{moment}_commit" for moment in ("before", "after"))


def test_the_list_of_points_is_what_the_code_passes() -> None:
    assert sorted(names_in_the_code()) == sorted(failpoints.POINTS)
    assert len(failpoints.POINTS) >= 30


def test_the_page_of_points_is_the_list() -> None:
    page = (ROOT / "docs" / "failpoints.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| (.+) \|$", page, re.MULTILINE))
    writes = {
        f"{name}.{moment}_commit"
        for name in rows
        if name in failpoints.WRITES
        for moment in ("before", "after")
    }
    points = {name: meaning for name, meaning in rows.items() if name not in failpoints.WRITES}
    assert writes == {name for name in failpoints.POINTS if name.partition(".")[0] in failpoints.WRITES}
    assert points == {name: text for name, text in failpoints.POINTS.items() if name not in writes}


def run(folder: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": ":".join(sys.path), failpoints.VARIABLE: folder}
    command = [sys.executable, "-c", PASSING]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_without_a_folder_nothing_happens() -> None:
    assert (run("").returncode, run("").stdout.split()) == (0, ["a", "b", "a", "a"])


def test_who_comes_to_an_armed_point_for_the_nth_time_is_killed_and_the_next_one_passes(
    tmp_path: pathlib.Path,
) -> None:
    (tmp_path / "a").write_text("2")
    killed = run(str(tmp_path))
    assert (killed.returncode, killed.stdout.split()) == (-signal.SIGKILL, ["a", "b"])
    assert run(str(tmp_path)).returncode == 0
