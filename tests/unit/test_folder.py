"""The data folder of a server."""

import contextlib
import os
import subprocess
import sys
import tempfile

import pytest

from bessemer_server import folder

HOLD = """
import pathlib, sys
from bessemer_server import folder
with folder.hold(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def holder(path):
    """A process that holds the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_folder_is_refused_with_the_pid_of_who_holds_it_and_free_again_after_its_kill(tmp_path):
    for _ in range(2):
        with (
            holder(tmp_path) as process,
            pytest.raises(folder.FolderInUse, match=f"process id {process.pid};"),
            folder.hold(tmp_path),
        ):
            pass
        with folder.hold(tmp_path):
            pass


def test_a_database_is_held_by_one_server_whatever_its_folder_and_the_path(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with folder.hold_database(tmp_path / "real" / "jobs.db"), folder.hold_database(None):
        with folder.hold_database(tmp_path / "real" / "other.db"):
            pass
        with (
            pytest.raises(folder.FolderInUse, match=f"process id {os.getpid()}; .* --database"),
            folder.hold_database(tmp_path / "link" / "jobs.db"),
        ):
            pass
    with folder.hold_database(tmp_path / "link" / "jobs.db"):
        pass


def test_the_server_of_a_folder_keeps_its_name_and_shares_it_with_no_other(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    name = folder.name_server(tmp_path / "a")
    assert name
    assert folder.name_server(tmp_path / "a") == name
    assert folder.name_server(tmp_path / "b") != name


def test_a_name_file_that_a_power_cut_left_empty_is_written_again(tmp_path):
    (tmp_path / folder.NAME_FILE).write_text("")
    assert folder.name_server(tmp_path) == folder.name_server(tmp_path) != ""


def test_a_long_path_has_its_socket_at_one_place_whatever_the_folder_for_temporary_files(
    tmp_path, monkeypatch
):
    long = tmp_path / ("x" * 120)
    found = set()
    for _ in range(2):
        with tempfile.TemporaryDirectory(dir="/tmp") as temporary:  # short, so that a socket would fit in it
            monkeypatch.setattr(tempfile, "tempdir", temporary)
            found.add(folder.socket_path(long))
    (path,) = found
    assert len(str(path)) <= folder.SOCKET_PATH_MAX
    path.parent.rmdir()
