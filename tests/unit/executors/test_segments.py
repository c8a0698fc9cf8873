"""Reading the segments of a log, and what their writer makes of them; the writers are real processes."""

from __future__ import annotations

import pathlib
import signal
import subprocess
import sys

import pytest

from bessemer_server.domain.logs import LINE_MAX_BYTES
from bessemer_server.executors import segments
from bessemer_server.worker import output

WRITER = """
import os, pathlib, sys
from bessemer_server.worker import output
folder = pathlib.Path(sys.argv[1])
told = os.dup(1)
output.redirect(folder)
os.write(told, b"ready\\n")
for line in sys.stdin:
    exec(line)
    os.write(told, b"done\\n")
"""


class Writer:
    """A process whose output goes to the folder, and which does what it is told."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._wait()

    def do(self, statement: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(statement + "\n")
        self.process.stdin.flush()
        self._wait()

    def _wait(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline()

    def end(self, number: int = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        self.process.communicate()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "logs" / "job-1"


@pytest.fixture
def writer(folder):
    started = Writer(folder)
    yield started
    started.end()


def read_all(folder: pathlib.Path, position: int = 0) -> list[str]:
    texts: list[str] = []
    while lines := segments.read(folder, position, to_the_end=segments.is_over(folder)):
        texts += [line.text for line in lines]
        position = lines[-1].position
    return texts


def test_what_a_killed_process_printed_is_there_to_the_last_byte(writer, folder):
    writer.do("print('out'); print('err', file=sys.stderr); os.write(2, b'raw\\nunfinished')")
    assert not segments.is_over(folder)
    assert read_all(folder) == ["out", "err", "raw"]
    writer.end(signal.SIGKILL)
    assert segments.is_over(folder)
    assert read_all(folder) == ["out", "err", "raw", "unfinished"]


def test_a_crash_leaves_where_it_was(writer, folder):
    writer.end(signal.SIGSEGV)
    said = "\n".join(read_all(folder))
    assert "Segmentation fault" in said
    assert 'File "<string>"' in said


def test_reading_goes_on_where_it_was_across_segments(writer, folder):
    writer.do("print('a' * 100); print('b')")
    (first,) = [line for line in segments.read(folder, 0, to_the_end=False) if line.text == "b"]
    writer.do(f"os.write(1, b'x\\n' * {output.SEGMENT_BYTES // 2})")
    writer.do("output.rotate(folder); print('after')")
    assert len(output.starts(folder)) == 2
    texts = read_all(folder, first.position)
    assert len(texts) == output.SEGMENT_BYTES // 2 + 1
    assert texts[-1] == "after"


def test_two_segments_are_kept_however_much_is_printed(writer, folder):
    for number in range(4):
        writer.do(
            f"print({number}); os.write(1, b'x' * {output.SEGMENT_BYTES}); print(); output.rotate(folder)"
        )
    assert len(output.starts(folder)) == 2
    assert sum(path.stat().st_size for path in folder.iterdir()) < 2.1 * output.SEGMENT_BYTES
    texts = read_all(folder)
    assert "0" not in texts
    assert texts[0] == "3"


def test_a_kill_amid_a_rotation_loses_nothing(writer, folder):
    writer.do("print('before'); output._point_to(folder / output.PENDING); print('between')")
    writer.end()
    assert segments.is_over(folder)
    assert read_all(folder) == ["before", "between"]


def test_a_folder_that_its_writer_has_not_opened_yet_is_not_over(folder):
    folder.mkdir(parents=True)
    assert not segments.is_over(folder)
    assert segments.read(folder, 0, to_the_end=True) == []


@pytest.mark.parametrize(
    ("data", "to_the_end", "expected"),
    [
        (b"a\nb", False, [(12, "a")]),
        (b"a\nb", True, [(12, "a"), (13, "b")]),
        (b"\n\n", False, [(11, ""), (12, "")]),
        (b"10%\r50%\r100%\r\n", False, [(24, "100%")]),
        (b"\xff\n", False, [(12, "\ufffd")]),
        (b"x" * LINE_MAX_BYTES + b"y", False, [(10 + LINE_MAX_BYTES, "x" * LINE_MAX_BYTES)]),
        (b"x" * LINE_MAX_BYTES + b"y\n", False,
         [(10 + LINE_MAX_BYTES, "x" * LINE_MAX_BYTES), (12 + LINE_MAX_BYTES, "y")]),
    ],
)  # fmt: skip
def test_lines_end_where_they_say(data, to_the_end, expected):
    assert [
        (line.position, line.text) for line in segments.split(data, 10, to_the_end=to_the_end)
    ] == expected


def test_a_folder_that_cannot_be_written_leaves_the_output_as_it_was(tmp_path):
    (tmp_path / "file").write_text("")
    script = WRITER.replace("for line in sys.stdin:", "print('still here')\nfor line in []:")
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "file" / "below")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "ready\nstill here\n"
    assert "what this trainer prints is not kept" in done.stderr
