"""What commands print."""

import datetime
import json
import math

import pytest

from bessemer import catalog
from bessemer.cli import render


def test_json_holds_no_numbers_that_json_does_not_know(capsys):
    render.print_json({"loss": math.nan, "rates": [math.inf, 1.5], "shape": (1, 2)})
    assert json.loads(capsys.readouterr().out) == {"loss": None, "rates": [None, 1.5], "shape": [1, 2]}


def test_json_of_a_dataclass_holds_all_its_parts(capsys):
    layer = catalog.Layer(0, "dense", (10,), 20, 20, "10 units")
    render.print_json(catalog.Summary("mlp", (4,), (layer,), 20, 20))
    assert json.loads(capsys.readouterr().out)["layers"][0]["output_shape"] == [10]


def test_a_row_stays_one_line_where_no_terminal_is(capsys):
    render.print_table(("A", "B"), [("x", "word " * 100)], empty="")
    header, row = capsys.readouterr().out.splitlines()
    assert header == "A  B"
    assert row == "x  " + ("word " * 100).rstrip()


def test_fields_without_a_value_are_left_out_and_lists_have_a_line_for_each_item(capsys):
    render.print_fields({"name": "a", "failure": None, "spec": ["epochs=3", "seed=1"], "attempt": 0})
    assert capsys.readouterr().out == "name     a\nspec     epochs=3\n         seed=1\nattempt  0\n"


def test_the_accuracy_shown_is_the_one_that_says_most():
    assert render.format_accuracy({"train/accuracy": 0.5, "val/accuracy": 0.75}) == "0.7500 val"
    assert render.format_accuracy({"val/accuracy": 0.5, "test/accuracy": 0.875}) == "0.8750 test"
    assert render.format_accuracy({"val/loss": 0.5}) == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(5, "5 s"), (-2, "0 s"), (120, "2 min"), (7300, "2 h"), (200_000, "2 d")]
)
def test_an_age_has_one_unit(seconds, text):
    created = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds)
    assert render.format_age(created) == text


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_449_999, "1.4 MB"), (3e9, "3.0 GB")]
)
def test_a_size_is_shown_in_one_unit(size, text):
    assert render.format_size(size) == text
