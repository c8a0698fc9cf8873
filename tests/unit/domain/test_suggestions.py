"""What an error says of names that there are."""

from bessemer_server.domain import errors


def test_the_nearest_names_are_suggested_and_all_where_none_is_near():
    assert errors.suggest("feature", ["features", "image"]) == "did you mean features?"
    assert errors.suggest("x", ["image", "features"]) == "known are features, image"
    assert errors.suggest("x", []) == "there are none"


def test_a_name_as_long_as_a_message_is_compared_with_none():
    assert errors.suggest("features" * 10_000_000, ["features"]) == "known are features"
