"""A private service for one program: started with it, ended with it."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pathlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from bessemer import errors
from bessemer.client import Client
from bessemer.transport import Transport

READY = re.compile(r"bessemer-server listening on (\S+)")
STOP_TIMEOUT_S = 60.0
TIMEOUT_S = 60.0


@contextlib.contextmanager
def local(
    data_dir: str | os.PathLike[str] | None = None, *, dataset_dir: str | os.PathLike[str] | None = None
) -> Iterator[Client]:
    """Start a private server process on a free port of this machine, and yield a client of it.

    It stops when the block ends, and also when this program is killed. Without a `data_dir` its data is in a folder
    that vanishes with it. Needs the server: `pip install "bessemer[server]"`.
    """
    _check_installed()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(
            data_dir or stack.enter_context(tempfile.TemporaryDirectory(prefix="bessemer-"))
        )
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            description = f"{folder} cannot be made a folder: {error.strerror}"
            raise errors.InvalidArgument(violations=(errors.Violation("data_dir", description),)) from None
        process = stack.enter_context(_started(folder, dataset_dir))
        address = _read_address(process, folder)
        yield stack.enter_context(Client(Transport(address, None, False, TIMEOUT_S, is_private=True)))


@contextlib.contextmanager
def _started(
    folder: pathlib.Path, dataset_dir: str | os.PathLike[str] | None
) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "bessemer_server", "--listen", "127.0.0.1:0", "--stop-with-stdin"]
    command += ["--data-dir", str(folder)]
    if dataset_dir is not None:
        command += ["--dataset-dir", os.fspath(dataset_dir)]
    with (folder / "server.log").open("a") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        yield process
    finally:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()  # tells the server to stop
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _read_address(process: subprocess.Popen[str], folder: pathlib.Path) -> str:
    assert process.stdout is not None
    if match := READY.match(process.stdout.readline()):
        return match[1]
    log = (folder / "server.log").read_text().strip()
    raise errors.Unavailable(f"the private server did not start: {log[-2000:]}")


def _check_installed() -> None:
    for module in ("bessemer_server", "torch", "sqlalchemy"):
        if importlib.util.find_spec(module) is None:
            raise errors.BessemerError(
                f'bessemer.local() needs the server ({module} is missing): pip install "bessemer[server]"'
            )
