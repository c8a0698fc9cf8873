"""Data sets read from scikit-learn's files are those that scikit-learn loads."""

import pytest
import sklearn.datasets

from bessemer_server.data import breast_cancer, digits, iris, sources, wine


def test_digits_are_those_of_scikit_learn(tmp_path):
    bunch = sklearn.datasets.load_digits()
    samples, test = digits.DIGITS.load(sources.Folders(None, tmp_path))
    assert test is None
    assert (samples.inputs[..., 0] == bunch.images).all()
    assert (samples.labels == bunch.target).all()
    assert digits.DIGITS.info.labels == tuple(map(str, bunch.target_names))


@pytest.mark.parametrize(
    ("source", "load"),
    [
        (iris.IRIS, sklearn.datasets.load_iris),
        (wine.WINE, sklearn.datasets.load_wine),
        (breast_cancer.BREAST_CANCER, sklearn.datasets.load_breast_cancer),
    ],
)
def test_a_table_is_that_of_scikit_learn(tmp_path, source, load):
    bunch = load()
    samples, test = source.load(sources.Folders(None, tmp_path))
    assert test is None
    assert (samples.inputs == bunch.data.astype("float32")).all()
    assert (samples.labels == bunch.target).all()
    assert source.info.labels == tuple(bunch.target_names)
