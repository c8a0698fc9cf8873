"""Splits and preprocessing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bessemer_server.data import digits, iris, preprocessing, sources, splits
from bessemer_server.domain import plans

SHARES = st.floats(0, 0.45)


def numbered(labels):
    """Samples whose only feature is their number."""
    return sources.Samples(np.arange(len(labels), dtype=np.float32)[:, None], np.array(labels, np.int64))


def info(train, test=0):
    return plans.DatasetInfo("numbers", "", "table", (1,), ("a", "b", "c"), train, test, True)


def numbers(samples):
    return set() if samples is None else set(samples.inputs[:, 0].astype(int).tolist())


@given(st.lists(st.integers(0, 2), min_size=3, max_size=200), SHARES, SHARES)
def test_splits_share_no_sample_lose_none_and_have_the_sizes_that_were_planned(labels, validation, test):
    facts, samples = info(len(labels)), numbered(labels)
    planned = splits.sizes(facts, validation, test)
    parts = splits.split(samples, None, facts, validation, test)
    found = [numbers(parts.train), numbers(parts.validation), numbers(parts.test)]
    assert [len(part) for part in found] == [planned.train, planned.validation, planned.test]
    assert set.union(*found) == set(range(len(labels)))
    for part in (parts.train, parts.validation, parts.test):
        if part is not None:
            assert [labels[int(i)] for i in part.inputs[:, 0]] == part.labels.tolist()


@given(st.lists(st.integers(0, 2), min_size=30, max_size=200), st.integers(1, 30))
def test_each_label_has_its_share_to_the_nearest_sample(labels, count):
    held = np.array(labels)[splits.stratified(np.array(labels), count, key=1)]
    for label in set(labels):
        exact = labels.count(label) * count / len(labels)
        assert exact - 1 < (held == label).sum() < exact + 1


def test_the_test_split_is_the_same_whatever_the_validation_split():
    samples, _ = digits.read(sources.Folders(None, None))  # type: ignore[arg-type]
    first, second = (splits.split(samples, None, digits.DIGITS.info, share, 0.2) for share in (0, 0.3))
    assert first.test is not None
    assert second.test is not None
    assert (first.test.inputs == second.test.inputs).all()


def test_a_test_split_of_the_data_set_is_taken_as_it_is():
    own = numbered([0, 1])
    parts = splits.split(numbered([0, 1, 2] * 10), own, info(30, test=2), 0.1, 0.5)
    assert parts.test is own
    assert len(parts.train) == 27


def test_rescaling_brings_the_largest_pixel_to_one_and_puts_channels_first():
    samples, _ = digits.read(sources.Folders(None, None))  # type: ignore[arg-type]
    learnt = preprocessing.learn(digits.DIGITS, samples, digits.DIGITS.info)
    assert learnt == {"kind": "rescale", "scale": 16}
    out = preprocessing.Preprocessor(learnt, torch.device("cpu"))(torch.tensor(samples.inputs))
    assert out.shape == (1797, 1, 8, 8)
    assert out.dtype == torch.float32
    assert out.max() == 1
    assert out[5, 0].numpy() == pytest.approx(samples.inputs[5, :, :, 0] / 16)


def test_standardising_learns_mean_and_deviation_from_the_training_split():
    samples, _ = iris.read(sources.Folders(None, None))  # type: ignore[arg-type]
    learnt = preprocessing.learn(iris.IRIS, samples, iris.IRIS.info)
    out = preprocessing.Preprocessor(learnt, torch.device("cpu"))(torch.tensor(samples.inputs)).numpy()
    assert out.mean(axis=0) == pytest.approx([0] * 4, abs=1e-5)
    assert out.std(axis=0) == pytest.approx([1] * 4, abs=1e-5)


def test_a_feature_that_never_varies_becomes_zero():
    constant = sources.Samples(np.full((5, 1), 7, np.float32), np.zeros(5, np.int64))
    learnt = preprocessing.learn(iris.IRIS, constant, iris.IRIS.info)
    out = preprocessing.Preprocessor(learnt, torch.device("cpu"))(torch.tensor(constant.inputs))
    assert not out.any()


def test_unknown_preprocessing_is_an_error():
    with pytest.raises(ValueError, match="known are rescale, standardize, text"):
        preprocessing.Preprocessor({"kind": "whiten"}, torch.device("cpu"))
