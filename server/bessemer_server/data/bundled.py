"""Files that come with scikit-learn, read without importing it: the import takes seconds and brings SciPy
along."""

from __future__ import annotations

import importlib.metadata
from typing import Any

import numpy as np
import numpy.typing as npt

from bessemer_server.data import sources


def read_table(name: str, *, skip_rows: int = 0) -> npt.NDArray[Any]:
    """The float64 table in a .csv or .csv.gz of `sklearn.datasets`. Raises `sources.InvalidData`."""
    try:
        path = importlib.metadata.distribution("scikit-learn").locate_file(f"sklearn/datasets/data/{name}")
        return np.loadtxt(str(path), delimiter=",", skiprows=skip_rows)
    except (OSError, ValueError, importlib.metadata.PackageNotFoundError) as error:
        raise sources.InvalidData(
            f"{name} of scikit-learn cannot be read: {error}", "install scikit-learn again"
        ) from error
