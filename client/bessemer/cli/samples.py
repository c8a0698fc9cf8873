"""Files that `bessemer predict` is given."""

from __future__ import annotations

import csv
import pathlib
from typing import Any

from bessemer import errors


def read(file: pathlib.Path) -> Any:
    """What `Model.predict` takes: an array, rows of numbers, texts, or the path itself of anything else: a picture.

    Raises `InvalidArgument`.
    """
    try:
        match file.suffix.lower():
            case ".npy":
                return _read_array(file)
            case ".csv":
                return _read_table(file)
            case ".txt":
                return _read_texts(file)
    except OSError as error:
        raise _refuse(error.strerror or str(error)) from None
    return file


def _read_array(file: pathlib.Path) -> Any:
    import numpy as np

    try:
        return np.lib.format.open_memmap(file, mode="r")
    except ValueError:  # numpy's advice here would be to unpickle it
        raise _refuse("is no array of numbers as numpy.save writes it, or it is cut short") from None


def _read_table(file: pathlib.Path) -> list[list[float]]:
    rows: list[list[float]] = []
    with file.open(newline="", encoding="utf-8", errors="replace") as lines:
        reader = csv.reader(lines)
        for cells in reader:
            if cells:
                rows.append([_parse(cell, reader.line_num) for cell in cells])
                if len(rows[-1]) != len(rows[0]):
                    raise _refuse(
                        f"line {reader.line_num} has {len(cells)} values, but the first has {len(rows[0])}"
                    )
    if not rows:
        raise _refuse("is empty; it should have one sample on each line")
    return rows


def _read_texts(file: pathlib.Path) -> list[str]:
    try:
        texts = [line for line in file.read_text("utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError as error:
        raise _refuse(f"is not UTF-8: {error.reason} at byte {error.start}") from None
    if not texts:
        raise _refuse("is empty; it should have one text on each line")
    return texts


def _parse(cell: str, line: int) -> float:
    try:
        return float(cell)
    except ValueError:
        raise _refuse(
            f"line {line}: {cell!r} is no number; give one sample on each line, without a header"
        ) from None


def _refuse(description: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(violations=(errors.Violation("inputs", description),))
