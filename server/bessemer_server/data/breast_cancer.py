"""Breast tumours, malignant or benign, bundled with scikit-learn."""

from __future__ import annotations

import numpy as np

from bessemer_server.data import bundled, sources
from bessemer_server.domain import plans


def read(folders: sources.Folders) -> tuple[sources.Samples, None]:
    """All 569 tumours; there is no test split."""
    table = bundled.read_table("breast_cancer.csv", skip_rows=1)
    return sources.Samples(table[:, :30].astype(np.float32), table[:, 30].astype(np.int64)), None


BREAST_CANCER = sources.Source(
    plans.DatasetInfo(
        name="breast_cancer",
        description="Cell nuclei of breast tumours, 30 measures each, Wisconsin (Street, Wolberg and Mangasarian, 1993).",
        kind="table",
        shape=(30,),
        labels=("malignant", "benign"),
        train_samples=569,
        test_samples=0,
        bundled=True,
    ),
    read,
)
