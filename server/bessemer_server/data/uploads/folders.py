"""Folders of class folders: the name of the folder is the label, `train/` and `val/` or `test/` above are the split."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from bessemer_server.data.uploads.contract import Entry
from bessemer_server.data.uploads.faults import Faults

VALIDATION = frozenset({"val", "valid", "validation"})
SPLITS = frozenset({"train", "test"}) | VALIDATION


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    """The files of one split, and the class of each."""

    entries: list[Entry]
    labels: npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, slots=True)
class Groups:
    """The classes, and the files of each split."""

    names: tuple[str, ...]
    train: Group
    test: Group | None
    note: str
    """What became of a third split; empty where there is none."""


def group(entries: list[Entry], faults: Faults) -> Groups:
    """Sort the files by split and class. Adds to `faults` what lies in no class folder, and classes that lack samples."""
    parts = {entry.path: entry.path.split("/") for entry in entries}
    has_splits = all(len(p) > 2 and p[0] in SPLITS for p in parts.values())
    splits: dict[str, list[tuple[Entry, str]]] = {"train": [], "test": []}
    tested = "test" if any(p[0] == "test" for p in parts.values()) else ""
    is_joined = False
    for entry in entries:
        folders = parts[entry.path][:-1]
        split = folders.pop(0) if has_splits else "train"
        if not folders:
            faults.add(entry.path, "lies in no class folder; the folder that a file is in names its class")
            continue
        if split in VALIDATION:
            is_joined |= bool(tested)
            split = "train" if tested else "test"
        splits[split].append((entry, folders[0]))
    _check(splits, faults)
    names = tuple(sorted({label for _, label in splits["train"]}))
    note = "its validation folder is part of the training samples" if is_joined else ""
    return Groups(
        names, _make(splits["train"], names), _make(splits["test"], names) if splits["test"] else None, note
    )


def _check(splits: dict[str, list[tuple[Entry, str]]], faults: Faults) -> None:
    trained = {label for _, label in splits["train"]}
    for label in sorted({label for _, label in splits["test"]} - trained):
        faults.add(label, f"the class {label!r} has test samples, but none to train on")
    if len(trained) < 2:
        found = f"only the class folder {next(iter(trained))!r}" if trained else "no class folder"
        faults.add("source", f"has {found}; at least two are needed, each named as its class")


def _make(found: list[tuple[Entry, str]], names: tuple[str, ...]) -> Group:
    places = {name: position for position, name in enumerate(names)}
    labels = [places.get(label, 0) for _, label in found]
    return Group([entry for entry, _ in found], np.array(labels, dtype=np.int64))
