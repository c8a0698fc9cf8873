"""Wines of three cultivars, bundled with scikit-learn."""

from __future__ import annotations

import numpy as np

from bessemer_server.data import bundled, sources
from bessemer_server.domain import plans


def read(folders: sources.Folders) -> tuple[sources.Samples, None]:
    """All 178 wines; there is no test split."""
    table = bundled.read_table("wine_data.csv", skip_rows=1)
    return sources.Samples(table[:, :13].astype(np.float32), table[:, 13].astype(np.int64)), None


WINE = sources.Source(
    plans.DatasetInfo(
        name="wine",
        description="Chemical analysis of Italian wines of three cultivars, 13 values each (Forina, 1991).",
        kind="table",
        shape=(13,),
        labels=("class_0", "class_1", "class_2"),
        train_samples=178,
        test_samples=0,
        bundled=True,
    ),
    read,
)
