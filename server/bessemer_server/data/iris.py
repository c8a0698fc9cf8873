"""Iris flowers, bundled with scikit-learn."""

from __future__ import annotations

import numpy as np

from bessemer_server.data import bundled, sources
from bessemer_server.domain import plans


def read(folders: sources.Folders) -> tuple[sources.Samples, None]:
    """All 150 flowers; there is no test split."""
    table = bundled.read_table("iris.csv", skip_rows=1)
    return sources.Samples(table[:, :4].astype(np.float32), table[:, 4].astype(np.int64)), None


IRIS = sources.Source(
    plans.DatasetInfo(
        name="iris",
        description="Sepal and petal length and width, in cm, of three species of iris (Fisher, 1936).",
        kind="table",
        shape=(4,),
        labels=("setosa", "versicolor", "virginica"),
        train_samples=150,
        test_samples=0,
        bundled=True,
    ),
    read,
)
