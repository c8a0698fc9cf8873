"""Downloads: whole, resumed, and of one process at a time."""

from __future__ import annotations

import hashlib
import multiprocessing
import urllib.request

import pytest

from bessemer_server.data import downloads
from tests.unit.data import mirrors

CONTENT = bytes(range(256)) * 40
MD5 = hashlib.md5(CONTENT).hexdigest()


@pytest.fixture
def mirror():
    with mirrors.serve() as served:
        served.files["set.bin"] = CONTENT
        yield served


@pytest.fixture
def target(tmp_path):
    return tmp_path / "sets" / "set.bin"


def part(target):
    return target.with_name(".set.bin.part")


def check(target):
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]


def test_a_file_comes_whole_and_alone(mirror, target):
    downloads.fetch([mirror.address], MD5, target)
    check(target)


def test_a_cut_connection_is_taken_up_where_it_broke_off(mirror, target):
    mirror.cut_after = 4000
    downloads.fetch([mirror.address], MD5, target)
    check(target)
    assert [asked for _, asked in mirror.asked] == [None, "bytes=4000-", "bytes=8000-"]


def test_what_came_before_an_interruption_is_kept_for_the_next_call(mirror, target):
    target.parent.mkdir()
    part(target).write_bytes(CONTENT[:5000])
    downloads.fetch([mirror.address], MD5, target)
    check(target)
    assert mirror.asked == [("/set.bin", "bytes=5000-")]


def test_a_mirror_that_gives_nothing_leaves_the_part_to_another_time(mirror, target):
    target.parent.mkdir()
    part(target).write_bytes(CONTENT[:5000])
    mirror.cut_after = 0
    with pytest.raises(downloads.DownloadFailed, match="the connection ended after 5,000 of 10,240 bytes"):
        downloads.fetch([mirror.address], MD5, target)
    assert part(target).read_bytes() == CONTENT[:5000]
    assert not target.exists()


def test_a_whole_part_needs_nothing_more_than_its_place(mirror, target):
    target.parent.mkdir()
    part(target).write_bytes(CONTENT)
    downloads.fetch([mirror.address], MD5, target)
    check(target)


@pytest.mark.parametrize("size", [100, len(CONTENT), 2 * len(CONTENT)])
def test_a_part_of_another_file_is_thrown_away(mirror, target, size):
    target.parent.mkdir()
    part(target).write_bytes(b"x" * size)
    downloads.fetch([mirror.address], MD5, target)
    check(target)


def test_a_mirror_without_ranges_starts_again(mirror, target):
    mirror.knows_ranges = False
    target.parent.mkdir()
    part(target).write_bytes(CONTENT[:5000])
    downloads.fetch([mirror.address], MD5, target)
    check(target)


def test_a_mirror_without_ranges_that_always_breaks_off_is_given_up(mirror, target):
    mirror.knows_ranges = False
    mirror.cut_after = 4000
    with pytest.raises(downloads.DownloadFailed, match="ended after 4,000 of 10,240 bytes"):
        downloads.fetch([mirror.address], MD5, target)


def test_the_next_mirror_goes_on_with_what_the_first_gave(mirror, target):
    with mirrors.serve() as broken:
        broken.files["set.bin"] = CONTENT
        broken.knows_ranges = False
        broken.cut_after = 3000
        downloads.fetch([broken.address, mirror.address], MD5, target)
    check(target)
    assert mirror.asked == [("/set.bin", "bytes=3000-")]


def test_a_file_without_end_is_refused(mirror, target, monkeypatch):
    monkeypatch.setattr(downloads, "MAX_BYTES", 5000)
    monkeypatch.setattr(downloads, "CHUNK_BYTES", 1000)
    with pytest.raises(downloads.DownloadFailed, match="more than 5,000 bytes"):
        downloads.fetch([mirror.address], MD5, target)
    assert not list(target.parent.iterdir())


def test_of_several_processes_one_downloads(mirror, target):
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=downloads.fetch, args=([mirror.address], MD5, target)) for _ in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    check(target)
    assert len(mirror.asked) == 1


def test_the_mirror_of_these_tests_honours_ranges(mirror):
    request = urllib.request.Request(f"{mirror.address}set.bin", headers={"Range": "bytes=10200-"})
    with urllib.request.urlopen(request) as answer:
        assert (answer.status, answer.read()) == (206, CONTENT[10_200:])
