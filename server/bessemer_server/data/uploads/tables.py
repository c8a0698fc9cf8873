"""CSV with a header: a column of labels, and columns of numbers or one of texts."""

from __future__ import annotations

import csv
import io

import numpy as np

from bessemer_server.data.uploads import classes
from bessemer_server.data.uploads.contract import Files, Options, Parsed, Split
from bessemer_server.data.uploads.faults import Faults
from bessemer_server.domain import errors

LABEL_NAMES = ("label", "target")
MAX_CELL = 16 << 20
MAX_NUMBER = float(np.finfo(np.float32).max)

Row = tuple[int, list[str]]
"""Number of the line on which it ends, from 1, and its cells."""


def read(files: Files, options: Options) -> Parsed:
    """Numbers become float32 features, texts stay. Raises `errors.InvalidArgument` with every faulty row and cell."""
    entry = files.only()
    faults = Faults()
    header, rows = _parse(entry.path, files.read(entry), faults)
    label = _choose_label(header, options.label_column)
    _check_first_row(entry.path, header, label, rows)
    features = [column for column in range(len(header)) if column != label]
    is_text = len(features) == 1 and bool(rows) and _number(rows[0][1][features[0]]) is None
    numbers = None if is_text else _numbers(entry.path, header, features, rows, faults)
    texts = _texts(entry.path, features[0], rows, faults) if is_text else []
    names, labels = _labels(entry.path, label, rows, options.labels, faults)
    faults.raise_any()
    what = f"{len(rows):,} uploaded rows, labels from the column {header[label]!r}"
    if numbers is None:
        return Parsed("text", (), names, Split(texts, labels), None, None, what)
    return Parsed("table", (len(features),), names, Split(numbers, labels), None, None, what)


def _parse(path: str, content: bytes, faults: Faults) -> tuple[list[str], list[Row]]:
    """The header, and the rows that have as many cells."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refuse(f"{path} line {line}", "is not UTF-8; save the file with that encoding") from None
    csv.field_size_limit(MAX_CELL)
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    rows: list[Row] = []
    header: list[str] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(path, header)
        for row in reader:
            if row and len(row) != len(header):
                description = f"has {len(row)} cells, but the header has {len(header)}"
                faults.add(f"{path} line {reader.line_num}", description)
            elif row:
                rows.append((reader.line_num, row))
    except csv.Error as error:
        faults.add(f"{path} line {reader.line_num}", f"cannot be read as CSV: {error}")
    if not rows and not faults.count:
        raise _refuse(path, "has no rows below its header")
    return header, rows


def _check_header(path: str, header: list[str]) -> None:
    if len(header) < 2:
        found = f"only the column {header[0]!r}" if header else "nothing"
        raise _refuse(f"{path} line 1", f"has {found}; a header names the label and at least one more column")
    if len(set(header)) < len(header) or "" in header:
        twice = next((name for name in header if not name or header.count(name) > 1), "")
        raise _refuse(
            f"{path} line 1",
            f"names the column {twice!r} {header.count(twice)} times; each needs a name of its own",
        )
    if all(_number(name) is not None for name in header):
        raise _refuse(f"{path} line 1", "has only numbers; the first line must name the columns")


def _check_first_row(path: str, header: list[str], label: int, rows: list[Row]) -> None:
    # Names that are numbers are not enough: columns of spectra are called by their wavelengths.
    are_numbers = all(_number(name) is not None for name in header[:label] + header[label + 1 :])
    if are_numbers and any(row[label].strip() == header[label] for _, row in rows):
        raise _refuse(
            f"{path} line 1",
            f"is a row of data: {header[label]!r} is a label of rows below; put a line before it that names the columns",
        )


def _choose_label(header: list[str], wanted: str) -> int:
    if wanted and wanted not in header:
        raise _refuse("label", f"there is no column {wanted!r}; {errors.suggest(wanted, header)}")
    name = wanted or next((name for name in LABEL_NAMES if name in header), header[-1])
    return header.index(name)


def _numbers(
    path: str, header: list[str], features: list[int], rows: list[Row], faults: Faults
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    table = np.zeros((len(rows), len(features)), np.float32)
    for position, (line, row) in enumerate(rows):
        for place, column in enumerate(features):
            value = _number(row[column])
            if value is None:
                found = f"{row[column][:40]!r} is no number" if row[column].strip() else "is empty"
                faults.add(
                    f"{path} line {line}, {header[column]}", f"{found}; correct it, or leave the row out"
                )
            elif not abs(value) <= MAX_NUMBER:
                faults.add(
                    f"{path} line {line}, {header[column]}", f"{row[column]!r} is not finite in 32 bits"
                )
            else:
                table[position, place] = value
    return table


def _texts(path: str, column: int, rows: list[Row], faults: Faults) -> list[str]:
    for line, row in rows:
        if not row[column].strip():
            faults.add(f"{path} line {line}", "has an empty text")
    return [row[column] for _, row in rows]


def _labels(
    path: str, column: int, rows: list[Row], given: tuple[str, ...], faults: Faults
) -> tuple[tuple[str, ...], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    found: dict[str, str] = {}
    for line, row in rows:
        label = row[column].strip()
        if label:
            found.setdefault(label, f"{path} line {line}")
        else:
            faults.add(f"{path} line {line}", "has no label")
    names, indices = classes.index(found, given, faults)
    return names, np.array([indices.get(row[column].strip(), 0) for _, row in rows], dtype=np.int64)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _refuse(item: str, description: str) -> errors.InvalidArgument:
    return errors.InvalidArgument(violations=[errors.Violation(item, description)], reason="INVALID_DATA")
