"""Handwritten digits, 8×8, bundled with scikit-learn."""

from __future__ import annotations

import numpy as np

from bessemer_server.data import bundled, sources
from bessemer_server.domain import plans


def read(folders: sources.Folders) -> tuple[sources.Samples, None]:
    """All 1,797 digits; there is no test split."""
    table = bundled.read_table("digits.csv.gz")
    images = table[:, :64].reshape(-1, 8, 8, 1).astype(np.uint8)
    return sources.Samples(images, table[:, 64].astype(np.int64)), None


DIGITS = sources.Source(
    plans.DatasetInfo(
        name="digits",
        description="Handwritten digits, 8×8 grey images, values from 0 to 16 (Alpaydin and Kaynak, 1998).",
        kind="image",
        shape=(8, 8, 1),
        labels=tuple("0123456789"),
        train_samples=1797,
        test_samples=0,
        bundled=True,
    ),
    read,
    scale=16,
)
