"""`bessemer.local()`: a service for as long as a program runs, however it ends."""

import re
import subprocess
import sys

import psutil
import pytest

import bessemer

WITHOUT = """
import importlib.util, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == sys.argv[1] else find(name, *rest)
import bessemer
try:
    bessemer.local().__enter__()
except bessemer.BessemerError as error:
    print(error)
"""

WAITING = """
import sys, bessemer
with bessemer.local(sys.argv[1]) as client:
    print(client.address, flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("module", ["bessemer_server", "torch", "sqlalchemy"])
def test_without_the_server_it_says_what_to_install(module):
    said = subprocess.run(
        [sys.executable, "-c", WITHOUT, module], capture_output=True, text=True, check=True
    ).stdout
    assert f"{module} is missing" in said
    assert 'pip install "bessemer[server]"' in said


def test_the_service_ends_with_a_program_that_is_killed(tmp_path):
    command = [sys.executable, "-c", WAITING, str(tmp_path / "data")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline().startswith("127.0.0.1:")
        servers = psutil.Process(program.pid).children(recursive=True)
        program.kill()
    assert servers
    _, alive = psutil.wait_procs(servers, timeout=60)
    assert alive == []


def test_it_answers_within_its_block_and_is_gone_after_it():
    with bessemer.local() as client:
        assert "iris" in {dataset.name for dataset in client.datasets.list()}
        address = client.address
    with pytest.raises(bessemer.FailedPrecondition, match="closed"):
        client.datasets.list()
    with bessemer.connect(address) as late, pytest.raises(bessemer.Unavailable, match="nothing answers"):
        late.datasets.list()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    file = tmp_path / "not-a-folder"
    file.write_text("")
    with pytest.raises(bessemer.InvalidArgument, match="not-a-folder"), bessemer.local(file):
        pass


def test_two_services_on_one_folder_are_refused_with_the_reason(tmp_path):
    with (
        bessemer.local(tmp_path),
        pytest.raises(bessemer.Unavailable, match="did not start: .*" + re.escape(str(tmp_path))),
        bessemer.local(tmp_path),
    ):
        pass
