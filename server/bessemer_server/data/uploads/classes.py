"""From labels as they are written to the indices of classes."""

from __future__ import annotations

from collections.abc import Mapping

from bessemer_server.data.uploads.faults import Faults

MAX_CLASSES = 10_000


def index(
    found: Mapping[str, str], given: tuple[str, ...], faults: Faults
) -> tuple[tuple[str, ...], dict[str, int]]:
    """Names of the classes, and the index of each label. `found`: each label, and where it was first seen.

    Labels are sorted, as numbers where all are whole numbers. With `given` names a label is one of them, or the index of
    one. Adds to `faults` labels that are neither, fewer than two classes, and too many.
    """
    names = given or tuple(sorted(found, key=int) if all(map(_is_whole, found)) else sorted(found))
    places = {name: position for position, name in enumerate(names)}
    indices: dict[str, int] = {}
    for label, where in found.items():
        if label in places:
            indices[label] = places[label]
        elif label.isdecimal() and int(label) < len(names):
            indices[label] = int(label)
        else:
            faults.add(
                where, f"the label {label!r} is out of range: `labels` names {len(names)} classes, from 0 on"
            )
    if len(set(indices.values())) < 2 and not faults.count:
        faults.add("source", f"has only the class {next(iter(found), '')!r}; a classifier needs at least two")
    if len(names) > MAX_CLASSES:
        faults.add(
            "source",
            f"has {len(names):,} different labels, but at most {MAX_CLASSES:,} classes are taken; are these measurements?",
        )
    return names, indices


def _is_whole(label: str) -> bool:
    return label.removeprefix("-").isdecimal()
