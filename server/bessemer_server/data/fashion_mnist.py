"""Fashion-MNIST: 70,000 pictures of clothes, in MNIST's form."""

from __future__ import annotations

from bessemer_server.data import idx, sources
from bessemer_server.domain import plans

FASHION_MNIST = sources.Source(
    plans.DatasetInfo(
        name="fashion_mnist",
        description="Articles of clothing, 28×28 grey images, values from 0 to 255 (Xiao, Rasul and Vollgraf, 2017).",
        kind="image",
        shape=(28, 28, 1),
        labels=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        train_samples=60_000,
        test_samples=10_000,
        bundled=False,
    ),
    # The mirror and digests of torchvision.
    idx.IdxFiles(
        folder="FashionMNIST/raw",
        mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        md5=(
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bef4ecab320f06d8554ea6380940ec79",
            "bb300cfdad3c16e7a12a480ee83cd310",
        ),
    ),
    scale=255,
)
