"""Parameters of requests: what is known, what is refused, and in which words."""

import pytest

from bessemer_server.domain import errors, tensors
from bessemer_server.serving import classification, parameters


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, parameters.Parameters()),
        ({"priority": ("uint64_param", 3)}, parameters.Parameters(priority=3)),
        ({"priority": ("int64_param", 3)}, parameters.Parameters(priority=3)),
        ({"timeout": ("int64_param", 1500)}, parameters.Parameters(timeout_s=0.0015)),
        ({"timeout": ("int64_param", 0)}, parameters.Parameters()),
        ({"triton_enable_empty_final_response": ("bool_param", True)}, parameters.Parameters()),
        ({"sequence_id": ("int64_param", 7), "own": ("string_param", "x")}, parameters.Parameters()),
    ],
    ids=str,
)
def test_what_is_known_is_read(given, expected):
    assert parameters.parse(given) == expected


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"priority": ("string_param", "high")}, "invalid value type for 'priority'"),
        ({"priority": ("int64_param", -1)}, "invalid value type for 'priority'"),
        (
            {"timeout": ("string_param", "1s")},
            "invalid value type for 'timeout' parameter, expected int64_param",
        ),
        ({"timeout": ("int64_param", -5)}, "invalid value type for 'timeout'"),
        ({"triton_x": ("bool_param", True)}, "starting with 'triton_' are reserved"),
        ({"own": ("uint64_param", 1)}, "invalid value type for 'own'"),
        ({"own": ("", None)}, "invalid value type for 'own'"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(given, text):
    with pytest.raises(errors.InvalidArgument, match=text):
        parameters.parse(given)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"classification": ("string_param", "3")}, "expected int64_param"),
        ({"classification": ("int64_param", 0)}, "must be > 0, got 0"),
    ],
    ids=str,
)
def test_what_an_output_cannot_be_asked_for_is_refused(given, text):
    with pytest.raises(errors.InvalidArgument, match=text):
        parameters.classes(given, "probabilities")


def scores(*rows):
    import array

    data = array.array("f", [value for row in rows for value in row]).tobytes()
    return tensors.Tensor("FP32", (len(rows), len(rows[0])), data)


def test_classes_come_best_first_and_equals_by_index():
    ranked = classification.rank("p", scores([0.25, 0.5, 0.25], [0.0, 0.0, 1.0]), 2, ["cat", "dog"])
    assert ranked.datatype == "BYTES"
    assert ranked.shape == (2, 2)
    assert list(tensors.unpack_elements(ranked.data)) == [
        b"0.500000:1:dog",
        b"0.250000:0:cat",
        b"1.000000:2",  # a class without a label
        b"0.000000:0:cat",
    ]


def test_more_classes_than_there_are_is_all():
    assert classification.rank("p", scores([0.75, 0.25]), 1000, []).shape == (1, 2)


def test_what_is_no_score_has_no_classes():
    with pytest.raises(errors.InvalidArgument, match="only scores in FP32"):
        classification.rank("p", tensors.Tensor("INT64", (1,), bytes(8)), 1, [])
