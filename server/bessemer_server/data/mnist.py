"""MNIST: 70,000 handwritten digits."""

from __future__ import annotations

from bessemer_server.data import idx, sources
from bessemer_server.domain import plans

MNIST = sources.Source(
    plans.DatasetInfo(
        name="mnist",
        description="Handwritten digits, 28×28 grey images, values from 0 to 255 (LeCun et al., 1998).",
        kind="image",
        shape=(28, 28, 1),
        labels=tuple("0123456789"),
        train_samples=60_000,
        test_samples=10_000,
        bundled=False,
    ),
    # The mirrors and digests of torchvision.
    idx.IdxFiles(
        folder="MNIST/raw",
        mirrors=("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
        md5=(
            "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            "d53e105ee54ea40749a09fcbcd1e9432",
            "9fb629c4189551a2d022fa330f9573f3",
            "ec29112dd5afa0611ce80d1b7f02629c",
        ),
    ),
    scale=255,
)
