"""Where an upload comes from: each source knows its format, and opens its files one after the other."""

from __future__ import annotations

import dataclasses
import functools
import io
import os
import pathlib
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any

from bessemer import errors

if TYPE_CHECKING:
    import numpy as np

Files = Iterator[tuple[str, IO[bytes]]]

LITTER = frozenset({"thumbs.db", "desktop.ini", "__macosx"})
TEXT_SUFFIX = ".txt"
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")
TUPLES = {2: ("x", "y"), 4: ("x_train", "y_train", "x_test", "y_test")}


@dataclasses.dataclass(frozen=True)
class Source:
    """Files to send."""

    format: str
    """A name of `UploadHeader.Format`."""
    files: Callable[[], Files]
    """Path as the service is told it, and the open file, which the caller closes."""


def open_source(source: Any) -> Source:
    """What `source` is. Raises `InvalidArgument` for what is not there, or is nothing that can be sent."""
    if isinstance(source, str | os.PathLike):
        return _open_path(pathlib.Path(source).expanduser())
    if isinstance(source, Mapping):
        return _open_arrays(dict(source))
    if isinstance(source, tuple | list) and len(source) in TUPLES:
        return _open_arrays(dict(zip(TUPLES[len(source)], source, strict=True)))
    raise refuse(
        "source",
        f"must be a path, or arrays as (x, y) or (x_train, y_train, x_test, y_test), but is {type(source).__name__}",
    )


def refuse(field: str, description: str) -> errors.InvalidArgument:
    """The error for one thing that is wrong."""
    return errors.InvalidArgument(violations=(errors.Violation(field, description),))


def _open_path(path: pathlib.Path) -> Source:
    name = path.name.lower()
    if path.is_dir():
        return _open_folder(path)
    if not path.is_file():
        raise refuse("source", f"there is no file or folder {path}")
    for suffix, format in ((".csv", "CSV"), (".tsv", "CSV"), (".npz", "NPZ")):
        if name.endswith(suffix):
            return Source(format, lambda: iter([(path.name, path.open("rb"))]))
    if name.endswith(ARCHIVES):
        return _open_archive(path)
    raise refuse("source", f"{path} must be a folder, a .csv, a .npz, or a .zip or .tar of class folders")


def _open_folder(root: pathlib.Path) -> Source:
    paths = sorted(path for path in root.rglob("*") if not _is_litter(path.relative_to(root).parts))
    files = {path.relative_to(root).as_posix(): path for path in paths if path.is_file()}
    filled = {parent for path in files.values() for parent in path.parents}
    empty = [path for path in paths if path.is_dir() and path not in filled]
    if empty:
        found = [
            errors.Violation(
                path.relative_to(root).as_posix(), "is an empty folder; remove it, or put its samples in"
            )
            for path in empty
        ]
        raise errors.InvalidArgument(violations=tuple(found[:20]))
    if not files:
        raise refuse("source", f"{root} is empty; it must hold a folder for each class")
    return Source(_format(files), lambda: ((name, path.open("rb")) for name, path in files.items()))


def _open_archive(path: pathlib.Path) -> Source:
    try:
        names = [name for name, _ in _members(path, is_listing=True)]
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
        raise refuse("source", f"{path} cannot be read as an archive: {error}") from None
    if not names:
        raise refuse("source", f"{path} is empty; it must hold a folder for each class")
    depth = _shared_depth([name.split("/")[:-1] for name in names])
    return Source(
        _format(names),
        lambda: (
            ("/".join(name.split("/")[depth:]), file)
            for name, file in _members(path, is_listing=False)
            if file
        ),
    )


def _shared_depth(folders: list[list[str]]) -> int:
    """Folders to leave out in front: archives are often of one folder that holds the class folders."""
    shared = 0
    for level in zip(*folders, strict=False):
        if len(set(level)) > 1:
            break
        shared += 1
    return max(0, min(shared, min(map(len, folders)) - 1))


def _members(path: pathlib.Path, *, is_listing: bool) -> Iterator[tuple[str, Any]]:
    """Name of each file, and unless `is_listing` the open file."""
    if path.suffix.lower() == ".zip":
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                if not info.is_dir() and not _is_litter(info.filename.split("/")):
                    yield info.filename, None if is_listing else archive.open(info)
        return
    with tarfile.open(path) as tape:
        for member in tape:
            name = member.name.removeprefix("./")
            if member.isfile() and not _is_litter(name.split("/")):
                yield name, None if is_listing else tape.extractfile(member)


def _open_arrays(arrays: dict[str, Any]) -> Source:
    import numpy as np

    known = {name for names in TUPLES.values() for name in names}
    if unknown := sorted(map(str, set(arrays) - known)):
        raise refuse(
            "source",
            f"has {', '.join(unknown)}; arrays are named x and y, or x_train, y_train, x_test, y_test",
        )
    converted = {}
    for name, array in arrays.items():
        try:
            converted[name] = np.asarray(array)
        except ValueError:
            raise refuse(name, "its samples differ in shape; they must be of one shape") from None
        if converted[name].dtype.hasobject:
            raise refuse(name, "holds Python objects; it must hold numbers, or strings for labels")
    return Source("NPZ", functools.partial(_save, converted))


def _save(arrays: dict[str, np.ndarray[Any, Any]]) -> Files:
    import numpy as np

    file = io.BytesIO()
    np.savez(file, **arrays)  # type: ignore[arg-type]  # its stubs take the names for options
    file.seek(0)
    yield "arrays.npz", file


def _format(names: Any) -> str:
    return "TEXT_FOLDERS" if all(name.lower().endswith(TEXT_SUFFIX) for name in names) else "IMAGE_FOLDERS"


def _is_litter(parts: Any) -> bool:
    """What file managers leave behind."""
    return any(part.startswith(".") or part.lower() in LITTER for part in parts)
