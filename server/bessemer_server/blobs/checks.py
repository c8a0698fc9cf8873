"""SHA-256 of blobs, checked on the way in and on the way out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from bessemer_server.domain import errors


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal: the name of a blob."""
    return hashlib.sha256(data).hexdigest()


def check_incoming(blobs: Mapping[str, bytes]) -> None:
    """Raise `InvalidArgument` naming every blob whose bytes have another digest than the one it came with."""
    wrong = [(name, actual) for name, data in blobs.items() if (actual := digest(data)) != name]
    if wrong:
        raise errors.InvalidArgument(
            violations=[
                errors.Violation("blob.digest", f"{name!r} is not the digest of the data, which is {actual}")
                for name, actual in wrong
            ]
        )


def check_stored(name: str, data: bytes) -> bytes:
    """The bytes, or `DamagedBlob` when they are no longer what was stored under that name."""
    if digest(data) != name:
        raise errors.DamagedBlob.of(name)
    return data


def unknown_blob(name: str) -> errors.NotFound:
    """The error for a blob that is not there."""
    return errors.NotFound(f"there is no blob {name}", reason="BLOB_NOT_FOUND")
