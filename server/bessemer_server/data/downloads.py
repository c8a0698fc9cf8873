"""Downloads: from the first mirror that has the right bytes, resumed where they broke off, into place in one move."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from io import BufferedRandom
from pathlib import Path

TIMEOUT_S = 30.0
"""Longest wait for a connection or the next bytes."""
MAX_BYTES = 1 << 30
CHUNK_BYTES = 1 << 20


class DownloadFailed(Exception):
    """No mirror had the file. The message says what each answered."""


def fetch(mirrors: Sequence[str], md5: str, target: Path) -> None:
    """Fetch `<mirror><name of target>` from the first mirror that has it with this MD5 digest.

    `target` holds the whole file or does not exist, whatever happens. What came before an interruption stays beside
    it as `.<name>.part`, and the next call goes on from there; of several processes one fetches and the others wait.
    Raises `DownloadFailed`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target.with_name(f".{target.name}.part")) as part:
        if not target.is_file():
            _fetch_any([f"{mirror}{target.name}" for mirror in mirrors], md5, part)
            Path(part.name).replace(target)
        else:
            Path(part.name).unlink()


def has_digest(path: Path, md5: str) -> bool:
    """Whether the file's content has this MD5 digest."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, _md5).hexdigest() == md5


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[BufferedRandom]:
    """The file at `path`, open for this process alone; the lock goes when the process does."""
    while True:
        with path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Who had the lock before may have moved the file into place: then another lies here, or none.
            if path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino:
                yield file
                return


def _fetch_any(urls: Sequence[str], md5: str, part: BufferedRandom) -> None:
    answers = []
    for url in urls:
        try:
            return _fetch(url, md5, part)
        except (OSError, http.client.HTTPException, ValueError) as error:
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                raise
            answers.append(f"{url}: {error}")
    if not _size(part):
        Path(part.name).unlink()
    raise DownloadFailed("; ".join(answers))


def _fetch(url: str, md5: str, part: BufferedRandom) -> None:
    resumed = _size(part) > 0
    _receive_all(url, part)
    part.seek(0)
    digest, size = hashlib.file_digest(part, _md5).hexdigest(), _size(part)
    if digest == md5:
        return
    part.truncate(0)
    if not resumed:
        raise ValueError(f"{size:,} bytes with MD5 {digest} came instead of {md5}")
    _fetch(url, md5, part)  # what was there before may have been of another file


def _receive_all(url: str, part: BufferedRandom) -> None:
    """Go on after each interruption, as long as something comes."""
    while True:
        before = _size(part)
        try:
            return _receive(url, part)
        except (OSError, http.client.HTTPException):
            if _size(part) <= before:
                raise


def _receive(url: str, part: BufferedRandom) -> None:
    start = _size(part)
    try:
        response = _open(url, start)
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not start:
            raise
        return  # nothing is left to come: the digest will tell
    with response:
        if response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            expected = start + int(response.headers.get("Content-Length", 0))
        else:
            if start:
                part.truncate(0)  # the mirror knows no ranges, and sends all
            expected = int(response.headers.get("Content-Length", 0))
        while chunk := response.read(CHUNK_BYTES):
            part.write(chunk)
            if _size(part) > MAX_BYTES:
                part.truncate(0)
                raise ValueError(f"more than {MAX_BYTES:,} bytes")
    if _size(part) < expected:
        raise ConnectionError(f"the connection ended after {_size(part):,} of {expected:,} bytes")


def _open(url: str, start: int) -> http.client.HTTPResponse:
    if not url.startswith(("http://", "https://")):
        raise ValueError("only http and https are fetched")
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})  # noqa: S310
    response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT_S)  # noqa: S310
    return response


def _size(file: BufferedRandom) -> int:
    return file.seek(0, os.SEEK_END)


def _md5() -> hashlib._Hash:
    return hashlib.md5(usedforsecurity=False)
