"""Downloads: from the first mirror that has the right bytes, into place in one move."""

from __future__ import annotations

import hashlib
import http.client
import os
import tempfile
import urllib.request
from collections.abc import Sequence
from pathlib import Path

TIMEOUT_S = 30.0
"""Longest wait for a connection or the next bytes."""
MAX_BYTES = 1 << 30
CHUNK_BYTES = 1 << 20


class DownloadFailed(Exception):
    """No mirror had the file. The message says what each answered."""


def fetch(mirrors: Sequence[str], md5: str, target: Path) -> None:
    """Fetch `<mirror><name of target>` from the first mirror that has it with this MD5 digest.

    `target` holds the whole file or does not exist, whatever happens, also with several processes at once.
    Raises `DownloadFailed`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    answers = []
    for mirror in mirrors:
        url = f"{mirror}{target.name}"
        try:
            return _fetch(url, md5, target)
        except (OSError, http.client.HTTPException, ValueError) as error:
            answers.append(f"{url}: {error}")
    raise DownloadFailed("; ".join(answers))


def _fetch(url: str, md5: str, target: Path) -> None:
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file, _open(url) as response:
            digest, size = hashlib.md5(usedforsecurity=False), 0
            while chunk := response.read(CHUNK_BYTES):
                size += len(chunk)
                if size > MAX_BYTES:
                    raise ValueError(f"more than {MAX_BYTES:,} bytes")
                digest.update(chunk)
                file.write(chunk)
        if digest.hexdigest() != md5:
            raise ValueError(f"{size:,} bytes with MD5 {digest.hexdigest()} came instead of {md5}")
        Path(name).replace(target)
    finally:
        Path(name).unlink(missing_ok=True)


def _open(url: str) -> http.client.HTTPResponse:
    if not url.startswith(("http://", "https://")):
        raise ValueError("only http and https are fetched")
    response: http.client.HTTPResponse = urllib.request.urlopen(url, timeout=TIMEOUT_S)  # noqa: S310
    return response
