"""Folders of texts: one UTF-8 file per text, in a folder named as its class."""

from __future__ import annotations

from bessemer_server.data.uploads import folders
from bessemer_server.data.uploads.contract import Files, Options, Parsed, Split
from bessemer_server.data.uploads.faults import Faults


def read(files: Files, options: Options) -> Parsed:
    """Every text as it is. Raises `errors.InvalidArgument` with each file that is faulty."""
    faults = Faults()
    groups = folders.group(files.entries, faults)
    train = _read(files, groups.train, faults)
    test = _read(files, groups.test, faults) if groups.test else None
    faults.raise_any()
    return Parsed("text", (), groups.names, train, test, None, f"{len(files.entries):,} uploaded texts")


def _read(files: Files, group: folders.Group, faults: Faults) -> Split:
    found = []
    for entry in group.entries:
        try:
            text = files.read(entry).decode("utf-8-sig")
        except UnicodeDecodeError:
            faults.add(entry.path, "is not UTF-8; save it with that encoding")
            continue
        if not text.strip():
            faults.add(entry.path, "is empty")
        found.append(text)
    return Split(found, group.labels)
