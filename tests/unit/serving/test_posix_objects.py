"""POSIX shared memory objects, real ones."""

import gc
import os
import pathlib
import secrets
import socket

import pytest

from bessemer_server.domain import errors
from bessemer_server.serving import posix_objects

FOLDER = posix_objects.FOLDER
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="no POSIX shared memory here")


@pytest.fixture
def name():
    made = f"bessemer-test-{secrets.token_hex(8)}"
    yield made
    for path in FOLDER.glob(f"*{made}*"):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()


@pytest.fixture
def file(name):
    path = FOLDER / name
    path.write_bytes(b"abcdefghij")
    return path


@pytest.mark.parametrize("slashes", ["", "/", "//"])
def test_an_object_is_read_and_written_in_place(name, file, slashes):
    found = posix_objects.open_object(slashes + name)
    assert found.size_bytes == 10
    assert found.read(2, 3) == b"cde"
    found.write(4, [b"XY", memoryview(b"Z")])
    assert file.read_bytes() == b"abcdXYZhij"


def test_a_read_behind_the_end_comes_back_short(name, file):
    found = posix_objects.open_object(name)
    os.truncate(file, 4)
    assert found.read(2, 8) == b"cd"
    assert found.read(2**40, 8) == b""
    assert found.size_bytes == 4


def test_an_object_outlives_its_name_and_is_closed_when_nobody_has_it(name, file):
    found = posix_objects.open_object(name)
    file.unlink()
    assert found.read(0, 2) == b"ab"
    assert len(_open_ones(name)) == 1
    del found
    gc.collect()
    assert _open_ones(name) == []


def _open_ones(name):
    links = pathlib.Path("/proc/self/fd")
    return [link for link in links.iterdir() if link.is_symlink() and name in str(link.readlink())]


@pytest.mark.parametrize(
    "key",
    [
        *("", "/", ".", "..", "/..", "../etc/passwd", "/etc/passwd", "a/b", "a/../b", "/../../etc/passwd"),
        *("a\0b", "n" * 256, "é" * 128, "sem.name", "bessemer-is-not-there"),
    ],
)
def test_a_key_that_names_no_object_is_refused(key):
    with pytest.raises(errors.InvalidArgument, match="Unable to open shared memory region"):
        posix_objects.open_object(key)


def test_a_path_is_not_followed_even_where_it_leads_back(name, file):
    (FOLDER / f"{name}-folder").mkdir()
    for key in (f"{name}-folder/../{name}", f"../shm/{name}", f"/dev/shm/{name}"):
        with pytest.raises(errors.InvalidArgument, match="no path"):
            posix_objects.open_object(key)


def test_what_is_no_memory_is_refused_and_nobody_waits_for_it(name, file, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    link, near, pipe, folder, door = (FOLDER / f"{name}-{kind}" for kind in ("l", "n", "p", "d", "s"))
    link.symlink_to(secret)
    near.symlink_to(file)
    os.mkfifo(pipe)
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(door))
        for path in (link, near, pipe, folder, door):
            with pytest.raises(errors.InvalidArgument, match="it is no shared memory object"):
                posix_objects.open_object(path.name)
    assert _open_ones(name) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_root_does_not_lend_its_rights_to_whoever_asks(name, file):
    os.chown(file, 12345, 12345)
    file.chmod(0o600)
    with pytest.raises(errors.InvalidArgument, match="belongs to another user"):
        posix_objects.open_object(name)
    file.chmod(0o644)
    with pytest.raises(errors.InvalidArgument, match="belongs to another user"):
        posix_objects.open_object(name)
    file.chmod(0o666)
    assert posix_objects.open_object(name).read(0, 1) == b"a"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a device")
def test_a_device_is_refused(name):
    path = FOLDER / f"{name}-device"
    try:
        os.mknod(path, 0o020666, os.makedev(1, 5))  # as /dev/zero
    except OSError:
        pytest.skip("no devices can be made here")
    with pytest.raises(errors.InvalidArgument, match=r"no shared memory object|may not read"):
        posix_objects.open_object(path.name)
