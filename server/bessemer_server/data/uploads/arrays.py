"""NumPy's .npz: `x` and `y`, or `x_train`, `y_train`, `x_test`, `y_test`. Nothing in it is ever unpickled."""

from __future__ import annotations

import io
import math
import zipfile
from typing import Any

import numpy as np
import numpy.typing as npt

from bessemer_server.data.uploads import classes
from bessemer_server.data.uploads.contract import Files, Options, Parsed, Split, check_size
from bessemer_server.data.uploads.faults import Faults
from bessemer_server.domain import errors

Array = npt.NDArray[Any]
NAMES = ("x", "y", "x_train", "y_train", "x_test", "y_test")
HEADER_MAX = 10_000


class Faulty(Exception):
    """What is wrong with an array."""


def read(files: Files, options: Options) -> Parsed:
    """Whole numbers [N, H, W] or [N, H, W, C] are images, [N, F] is a table. Raises `errors.InvalidArgument`."""
    entry = files.only()
    arrays = _load(entry.path, files.read(entry))
    faults = Faults()
    inputs: dict[str, Array] = {}
    for name in [name for name in arrays if name[0] == "x"]:
        try:
            inputs[name] = _inputs(arrays[name])
        except Faulty as fault:
            faults.add(name, str(fault))
    shapes = {array.shape[1:] for array in inputs.values()}
    if len(shapes) > 1:
        faults.add(
            "x_test",
            f"has samples of shape {inputs['x_test'].shape[1:]}, but x_train has {inputs['x_train'].shape[1:]}",
        )
    names, labels = _labels({n: a for n, a in arrays.items() if n[0] == "y"}, options.labels, faults)
    for name, array in inputs.items():
        y = name.replace("x", "y", 1)
        if y in labels and len(labels[y]) != len(array):
            faults.add(y, f"has {len(labels[y]):,} labels, but {name} has {len(array):,} samples")
    faults.raise_any()
    splits = {name: Split(array, labels[name.replace("x", "y", 1)]) for name, array in inputs.items()}
    train = splits["x"] if "x" in splits else splits["x_train"]
    is_image = train.inputs.ndim == 4  # type: ignore[union-attr]
    return Parsed(
        "image" if is_image else "table",
        shapes.pop(),
        names,
        train,
        splits.get("x_test"),
        255.0 if is_image else None,
        f"{len(train.labels):,} uploaded samples",
    )


def _load(path: str, content: bytes) -> dict[str, Array]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            _check_names(path, set(members))
            check_size(sum(info.file_size for info in members.values()), "upload fewer samples")
            return {name: _read(archive, info) for name, info in members.items() if name in NAMES}
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        raise _refuse(path, f"is no sound .npz file ({error}); numpy.savez makes one") from None


def _check_names(path: str, names: set[str]) -> None:
    wanted = {"x", "y"} if "x" in names else {"x_train", "y_train"}
    if "x_test" in names or "y_test" in names:
        wanted |= {"x_test", "y_test"}
    if missing := sorted(wanted - names):
        found = ", ".join(sorted(names)[:8]) or "nothing"
        raise _refuse(
            path,
            f"lacks {' and '.join(missing)}: the arrays are named x and y, or x_train, y_train, x_test, y_test; it has {found}",
        )


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    """One array. The size that its head claims is checked before anything is reserved for it."""
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        heads = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in heads:
            raise ValueError(f"{info.filename} has version {version}")
        shape, is_fortran, dtype = heads[version](file, max_header_size=HEADER_MAX)
        if dtype.hasobject:
            raise ValueError(f"{info.filename} holds Python objects; it must hold numbers or strings")
        data = file.read()
    if len(data) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{info.filename} is cut off")
    array = np.frombuffer(data, dtype=dtype)
    return array.reshape(shape[::-1]).transpose() if is_fortran else array.reshape(shape)


def _inputs(array: Array) -> Array:
    """uint8 [N, H, W, C] or float32 [N, F]."""
    if array.dtype.kind in "US":
        raise Faulty("holds texts; upload those as a CSV file with a header, or a folder of class folders")
    if array.ndim == 3:
        array = array[..., np.newaxis]
    if array.ndim not in (2, 4) or 0 in array.shape:
        raise Faulty(
            f"has shape {array.shape}; images are [N, H, W] or [N, H, W, C], tables [N, F], with N at least 1"
        )
    if array.dtype.kind not in "buif":
        raise Faulty(f"holds {array.dtype.name}; it must hold numbers")
    return _images(array) if array.ndim == 4 else _table(array)


def _images(array: Array) -> Array:
    if array.shape[-1] not in (1, 3):
        raise Faulty(
            f"has {array.shape[-1]} channels; images [N, H, W, C] have 1 or 3, and the channels last"
        )
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind == "f" and not np.array_equal(array, np.round(array)):
        raise Faulty("holds fractions; images are raw pixels, whole numbers from 0 to 255")
    if array.min() < 0 or array.max() > 255:
        raise Faulty(f"has pixels from {array.min()} to {array.max()}; they must be from 0 to 255")
    return array.astype(np.uint8)


def _table(array: Array) -> Array:
    with np.errstate(over="ignore"):
        floats = array.astype(np.float32)
    bad = ~np.isfinite(floats).all(axis=1)
    if bad.any():
        row = int(bad.argmax())
        feature = int((~np.isfinite(floats[row])).argmax())
        raise Faulty(
            f"has {int(bad.sum()):,} rows with numbers that are not finite in 32 bits, the first is row {row}, feature {feature}: "
            f"{array[row, feature]}"
        )
    return floats


def _labels(
    arrays: dict[str, Array], given: tuple[str, ...], faults: Faults
) -> tuple[tuple[str, ...], dict[str, npt.NDArray[np.int64]]]:
    found: dict[str, str] = {}
    parts: dict[str, tuple[list[str], Array]] = {}
    for name, array in arrays.items():
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]  # noqa: PLW2901 - the same labels
        if array.dtype.kind == "f" and array.ndim == 1 and np.array_equal(array, np.round(array)):
            array = array.astype(np.int64)  # noqa: PLW2901
        if array.ndim != 1 or array.dtype.kind not in "buiU":
            faults.add(
                name,
                f"has shape {array.shape} of {array.dtype.name}; labels are [N], whole numbers or strings, one for each sample",
            )
            continue
        values, first, inverse = np.unique(
            array.astype(np.int64) if array.dtype.kind == "b" else array,
            return_index=True,
            return_inverse=True,
        )
        words = [str(value) for value in values.tolist()]
        parts[name] = words, inverse
        for word, position in zip(words, first.tolist(), strict=True):
            found.setdefault(word, f"{name}[{position}]")
    if len(parts) < len(arrays):
        return (), {}
    names, indices = classes.index(found, given, faults)
    return names, {
        name: np.array([indices.get(word, 0) for word in words], dtype=np.int64)[inverse]
        for name, (words, inverse) in parts.items()
    }


def _refuse(item: str, description: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(violations=[errors.Violation(item, description)], reason="INVALID_DATA")
