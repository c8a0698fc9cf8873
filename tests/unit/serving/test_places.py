"""Where a tensor lies in shared memory, from parameters."""

import pytest

from bessemer_server.domain import errors
from bessemer_server.serving import places

REGION = {"shared_memory_region": ("string_param", "r")}
SIZE = {"shared_memory_byte_size": ("int64_param", 16)}


def test_a_tensor_without_such_parameters_is_in_the_message():
    assert places.read({}, "input 'x'") is None
    assert places.read({"classification": ("int64_param", 3)}, "output 'y'") is None


def test_a_place_begins_at_the_region_unless_it_says_where():
    assert places.read(REGION | SIZE, "input 'x'") == places.Place("r", 0, 16)
    offset = {"shared_memory_offset": ("int64_param", 8)}
    assert places.read(REGION | SIZE | offset, "input 'x'") == places.Place("r", 8, 16)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"shared_memory_region": ("int64_param", 1)} | SIZE,
            "'shared_memory_region' .* expected string_param",
        ),
        (REGION | {"shared_memory_byte_size": ("string_param", "16")}, "byte_size' .* expected int64_param"),
        (REGION | {"shared_memory_byte_size": ("uint64_param", 16)}, "byte_size' .* expected int64_param"),
        (REGION | SIZE | {"shared_memory_offset": ("double_param", 0.5)}, "offset' .* expected int64_param"),
        (REGION | SIZE | {"shared_memory_offset": ("", None)}, "offset' .* expected int64_param"),
        (REGION, "'shared_memory_byte_size' must be specified along with 'shared_memory_region'"),
        (SIZE, "'shared_memory_region' must be specified along with 'shared_memory_byte_size'"),
        (
            REGION | SIZE | {"shared_memory_key": ("string_param", "k")},
            "unknown parameter 'shared_memory_key'",
        ),
    ],
    ids=str,
)
def test_half_a_place_and_wrong_kinds_are_refused_by_parameter_and_tensor(given, text):
    with pytest.raises(errors.InvalidArgument, match=text) as refused:
        places.read(given, "input 'x'")
    assert "input 'x'" in refused.value.message
