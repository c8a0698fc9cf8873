"""Uploads for tests: as they lie in the spool, and what the ingester makes of them."""

from __future__ import annotations

import io
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from bessemer_server.data.uploads import contract, readers
from bessemer_server.domain import datasets


def spool(
    folder: pathlib.Path, files: Mapping[str, bytes], format: str, name: str = "mine", **options: Any
) -> datasets.Upload:
    """The upload of these files."""
    entries, start = [], 0
    for path, content in files.items():
        entries.append((path, start, len(content)))
        start += len(content)
    (folder / "input").write_bytes(b"".join(files.values()))
    return datasets.Upload(
        name, format, options, str(folder / "input"), tuple(entries), str(folder / "output")
    )


def parse(folder: pathlib.Path, files: Mapping[str, bytes], format: str, **options: Any) -> contract.Parsed:
    """What the reader of that format says."""
    upload = spool(folder, files, format)
    with contract.Files(upload.spool, [contract.Entry(*file) for file in upload.files]) as opened:
        return readers.READERS[format](opened, contract.Options(**options))


def save(**arrays: Any) -> dict[str, bytes]:
    """An upload of one .npz."""
    file = io.BytesIO()
    np.savez(file, **{name: np.asarray(array) for name, array in arrays.items()})  # type: ignore[arg-type]
    return {"arrays.npz": file.getvalue()}
