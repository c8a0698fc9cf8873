"""IMDB: 50,000 movie reviews, half of them for training."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bessemer_server.data import archives, sources, text
from bessemer_server.domain import plans

CLASSES = ("neg", "pos")
"""Folders of each split, by label."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reviews:
    """Reviews as files `{train,test}/{neg,pos}/*.txt`. Calling it reads them, as `sources.Source.read` does."""

    archive: archives.Archive

    def __call__(self, folders: sources.Folders) -> tuple[sources.Samples, sources.Samples]:
        """Training and test samples; inputs are strings. Raises `sources.InvalidData`."""
        folder = self.archive.find(folders)
        return _read_split(folder / "train"), _read_split(folder / "test")


def _read_split(folder: Path) -> sources.Samples:
    texts: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(CLASSES):
        texts += _read_files(folder / name)
        labels += [label] * (len(texts) - len(labels))
    return sources.Samples(text.to_array(texts), np.array(labels, np.int64))


def _read_files(folder: Path) -> Iterator[str]:
    """In the order of their names, whatever the file system's is."""
    try:
        for path in sorted(folder.glob("*.txt")):
            yield path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise sources.InvalidData(
            f"a review in {folder} cannot be read: {error}",
            f"remove the folder {folder.parent.parent}, so that it is fetched again",
        ) from error


IMDB = sources.Source(
    plans.DatasetInfo(
        name="imdb",
        description="Movie reviews in English, praise or blame (Maas et al., 2011).",
        kind="text",
        shape=(),
        labels=("negative", "positive"),
        train_samples=25_000,
        test_samples=25_000,
        bundled=False,
    ),
    Reviews(
        archives.Archive(
            folder="aclImdb",
            file="aclImdb_v1.tar.gz",
            mirrors=("https://ai.stanford.edu/~amaas/data/sentiment/",),
            md5="7c2ac02c03563afcf9b574c7e56c153a",
            members=r"aclImdb/(train|test)/(neg|pos)/[^/]+\.txt",
        )
    ),
)
