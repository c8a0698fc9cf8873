"""Aliases: what may be one, and which version answers a request."""

from collections import Counter

import pytest

from bessemer_server.domain import aliases, errors


@pytest.mark.parametrize("name", ["champion", "A", "eu-west_1.blue", "v2", "a" * 63])
def test_an_alias_begins_with_a_letter(name):
    assert aliases.make("m", name, {1: 1}).name == name


@pytest.mark.parametrize("name", ["", "2", "2nd", "-a", "a b", "a@b", "ä", "a" * 64, "a\n"])
def test_what_could_be_a_version_or_breaks_a_line_is_none(name):
    with pytest.raises(errors.InvalidArgument, match="alias: must be at most 63 letters"):
        aliases.make("m", name, {1: 1})


@pytest.mark.parametrize("name", ["latest", "newest", "Latest"])
def test_what_a_request_without_a_version_means_is_no_alias(name):
    with pytest.raises(errors.InvalidArgument, match="answered by the newest"):
        aliases.make("m", name, {1: 1})


@pytest.mark.parametrize("shares", [{}, {1: 0}, {1: -1}, {1: 2_000_000}, dict.fromkeys(range(1, 18), 1)])
def test_shares_are_positive_and_not_too_many(shares):
    with pytest.raises(errors.InvalidArgument, match="shares"):
        aliases.make("m", "a", shares)


def test_versions_are_met_as_often_as_their_shares_say():
    alias = aliases.make("m", "a", {3: 7, 1: 1, 2: 2})
    met = Counter(alias.choose(i / 1000) for i in range(1000))
    assert met == {1: 100, 2: 200, 3: 700}
    assert alias.main == 3


def test_a_routing_key_meets_the_same_version_and_keys_are_spread():
    alias = aliases.make("m", "a", {1: 50, 2: 50})
    chosen = [alias.choose(alias.place(f"user-{i}")) for i in range(2000)]
    assert chosen == [alias.choose(alias.place(f"user-{i}")) for i in range(2000)]
    assert 900 < chosen.count(1) < 1100


def test_when_shares_change_a_little_few_keys_change_their_version():
    before, after = (aliases.make("m", "a", shares) for shares in ({1: 90, 2: 10}, {1: 80, 2: 20}))
    keys = [f"user-{i}" for i in range(2000)]
    moved = [key for key in keys if before.choose(before.place(key)) != after.choose(after.place(key))]
    assert 120 < len(moved) < 280
    assert all(after.choose(after.place(key)) == 2 for key in moved)


def test_of_equal_shares_the_newest_is_the_main_one():
    assert aliases.make("m", "a", {1: 1, 2: 1}).main == 2
