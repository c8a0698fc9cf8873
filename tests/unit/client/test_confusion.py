"""Confusion matrices as text."""

from bessemer import confusion
from bessemer.evaluation import ClassResult, Evaluation


def evaluation(rows):
    classes = tuple(ClassResult(f"c{i}", sum(row), 0.5, 0.5, 0.5, tuple(row)) for i, row in enumerate(rows))
    metrics = {"loss": 1.0, "accuracy": 0.5, "precision": 0.5, "recall": 0.5, "f1": 0.5}
    return Evaluation("digits", "test", sum(map(sum, rows)), metrics, classes)


def test_a_small_matrix_is_a_table_of_counts():
    assert confusion.sketch(evaluation([[9, 1], [0, 10]])).splitlines() == [
        "     c0  c1",
        "c0   █9   1",
        "c1    · █10",
        "rows: true class, columns: predicted",
    ]


def test_of_many_classes_the_largest_confusions_are_listed():
    rows = [[5 if i == j else 0 for j in range(25)] for i in range(25)]
    rows[3][7], rows[8][1] = 4, 2
    assert confusion.sketch(evaluation(rows)).splitlines() == ["c3 taken for c7: 4", "c8 taken for c1: 2"]


def test_without_mistakes_it_says_so():
    assert confusion.list_confusions(evaluation([[3, 0], [0, 3]])) == "no mistakes"
