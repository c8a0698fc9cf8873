"""Data sets read from scikit-learn's files are those that scikit-learn loads."""

import sklearn.datasets

from bessemer_server.data import digits, iris, sources


def test_digits_are_those_of_scikit_learn(tmp_path):
    bunch = sklearn.datasets.load_digits()
    samples, test = digits.DIGITS.load(sources.Folders(None, tmp_path))
    assert test is None
    assert (samples.inputs[..., 0] == bunch.images).all()
    assert (samples.labels == bunch.target).all()
    assert digits.DIGITS.info.labels == tuple(map(str, bunch.target_names))


def test_iris_flowers_are_those_of_scikit_learn(tmp_path):
    bunch = sklearn.datasets.load_iris()
    samples, test = iris.IRIS.load(sources.Folders(None, tmp_path))
    assert test is None
    assert (samples.inputs == bunch.data.astype("float32")).all()
    assert (samples.labels == bunch.target).all()
    assert iris.IRIS.info.labels == tuple(bunch.target_names)
