"""Texts that a user uploaded, from the bytes that are kept of them."""

from __future__ import annotations

import pathlib

import numpy as np

from bessemer_server.data import sources, uploaded
from bessemer_server.domain import plans

KEPT = {
    "train/inputs": np.frombuffer("Grésil goodx".encode(), np.uint8),
    "train/offsets": np.array([0, 7, 12, 13]),
    "train/labels": np.array([0, 1, 1]),
    "test/inputs": np.frombuffer(b"bad", np.uint8),
    "test/offsets": np.array([0, 3]),
    "test/labels": np.array([0]),
}


def test_each_text_is_cut_out_of_the_bytes_at_its_offsets():
    info = plans.DatasetInfo("mine", "", "text", (), ("no", "yes"), 3, 1, False)
    source = uploaded.make_source(info, names=KEPT, fetch=KEPT.__getitem__)
    train, test = source.load(sources.Folders(None, pathlib.Path("absent")))
    assert train.inputs.tolist() == ["Grésil", " good", "x"]
    assert train.take(np.array([2])).inputs.tolist() == ["x"]
    assert test is not None
    assert test.inputs.tolist() == ["bad"]
