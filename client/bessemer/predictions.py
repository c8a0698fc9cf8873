"""Predictions over a data set: the request, what comes back, and the files that it is written to.

Shapes: N samples of one message, K classes.
"""

from __future__ import annotations

import contextlib
import csv
import io
import os
import zipfile
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from bessemer import _faults, exports, model_record
from bessemer.model_record import Prediction
from bessemer.v1 import jobs_pb2

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Target = str | os.PathLike[str] | BinaryIO
INT32 = 2**31 - 1
FIXED_COLUMNS = ("sample", "true_label", "label", "probability")


def build_spec(
    model: str, dataset: str | None, split: str, batch_size: int | None
) -> jobs_pb2.PredictionSpec:
    """The specification as a message; None is what is left out. Raises `InvalidArgument`."""
    found = _faults.Faults()
    spec = jobs_pb2.PredictionSpec(
        model=model,
        dataset=found.check_text("dataset", "" if dataset is None else dataset),
        split=found.check_text("split", split),
    )
    if batch_size is not None:
        spec.batch_size = found.check_integer("batch_size", batch_size, INT32) or 0
    found.raise_any()
    return spec


class Writer(Protocol):
    """Is told of every message of an answer."""

    def write(self, message: jobs_pb2.ReadPredictionsResponse) -> None:
        """Write what the message holds."""
        ...

    def finish(self) -> None:
        """Write what comes behind the last message."""
        ...

    def close(self) -> None:
        """Let go of the file, whatever is in it; it stays open."""
        ...


class Reader:
    """Reads one answer, message by message."""

    def __init__(self) -> None:
        self.samples = 0
        self.labels: tuple[str, ...] = ()
        """Of the model."""
        self._dataset_labels: tuple[str, ...] = ()

    def read(self, message: jobs_pb2.ReadPredictionsResponse) -> list[Prediction]:
        """The predictions that the message holds; none where it is the header."""
        rows = self.read_rows(message)
        return [model_record.read_prediction(row, self.labels, true) for row, true in zip(*rows, strict=True)]

    def read_rows(
        self, message: jobs_pb2.ReadPredictionsResponse
    ) -> tuple[npt.NDArray[np.float32], list[str]]:
        """Probabilities [N, K] and true labels."""
        import numpy as np

        if message.HasField("header"):
            self._note(message.header)
            return np.empty((0, len(self.labels)), np.float32), []
        probabilities = np.frombuffer(message.rows.probabilities, "<f4")
        true_labels = [self._dataset_labels[index] for index in message.rows.true_classes]
        return probabilities.reshape(len(true_labels), -1), true_labels

    def _note(self, header: jobs_pb2.PredictionsHeader) -> None:
        self.samples = header.samples
        self.labels, self._dataset_labels = tuple(header.labels), tuple(header.dataset_labels)


@contextlib.contextmanager
def writing(target: Target) -> Iterator[Writer]:
    """A writer of the file at a path, .csv or .npz, which is there when it is whole; or of CSV to a file that is open. Raises
    `InvalidArgument` for another ending, and for a folder that is not there.
    """
    if not isinstance(target, str | os.PathLike):
        yield from _write_to(CsvWriter(target))
        return
    kind = WRITERS[exports.check_path(target, tuple(WRITERS))]
    with exports.replace_when_whole(target) as file:
        yield from _write_to(kind(file))


def _write_to(writer: Writer) -> Iterator[Writer]:
    try:
        yield writer
        writer.finish()
    finally:
        writer.close()


class CsvWriter:
    """A line for each sample: its number from 0, its true label, the label and its probability, and that of each class."""

    def __init__(self, file: BinaryIO) -> None:
        self._text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        self._csv = csv.writer(self._text)
        self._reader = Reader()
        self._count = 0

    def write(self, message: jobs_pb2.ReadPredictionsResponse) -> None:
        """See `Writer`."""
        probabilities, true_labels = self._reader.read_rows(message)
        labels = self._reader.labels
        if message.HasField("header"):
            self._csv.writerow([*FIXED_COLUMNS, *(f"p_{label}" for label in labels)])
        for row, true, best in zip(probabilities, true_labels, _best(probabilities), strict=True):
            self._csv.writerow([self._count, true, labels[best], row[best], *row])
            self._count += 1

    def finish(self) -> None:
        """See `Writer`."""

    def close(self) -> None:
        """See `Writer`."""
        self._text.detach()


class NpzWriter:
    """Arrays for `numpy.load`: `probabilities` FP32 [N, K], and `index`, `label` and `true_label` [N]; `labels` [K] names the
    classes. It takes the memory of one message and some bytes a sample.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
        self._entry: Any = None
        self._reader = Reader()
        self._true: list[str] = []
        self._indices: list[int] = []

    def write(self, message: jobs_pb2.ReadPredictionsResponse) -> None:
        """See `Writer`."""
        import numpy as np

        probabilities, true_labels = self._reader.read_rows(message)
        if message.HasField("header"):
            shape = (self._reader.samples, len(self._reader.labels))
            self._entry = self._open("probabilities")
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(self._entry, header)
        self._entry.write(probabilities.tobytes())
        self._true += true_labels
        self._indices += _best(probabilities)

    def finish(self) -> None:
        """See `Writer`."""
        import numpy as np

        self._entry.close()
        labels = self._reader.labels
        self._put("index", np.array(self._indices, np.int64))
        self._put("label", [labels[index] for index in self._indices])
        self._put("true_label", self._true)
        self._put("labels", labels)

    def close(self) -> None:
        """See `Writer`."""
        if self._entry is not None:
            self._entry.close()
        self._zip.close()

    def _put(self, name: str, values: Sequence[str] | npt.NDArray[np.int64]) -> None:
        import numpy as np

        with self._open(name) as entry:
            np.lib.format.write_array(entry, np.asarray(values), allow_pickle=False)

    def _open(self, name: str) -> Any:
        # Without a date: the same predictions are the same file.
        return self._zip.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True)


def _best(probabilities: npt.NDArray[np.float32]) -> list[int]:
    """Index of the most probable class of each row."""
    found: list[int] = probabilities.argmax(axis=1).tolist()
    return found


WRITERS: dict[str, type[CsvWriter | NpzWriter]] = {".csv": CsvWriter, ".npz": NpzWriter}
"""By the end of a file's name."""
