"""CSV files: what is read from sound ones, and what is said of each faulty row and cell."""

import pytest

from bessemer_server.domain import errors
from tests.unit.data import upload_files

GOOD = "length,width,label\n1,2.5,rose\n3,4,tulip\n"


@pytest.fixture
def parse(tmp_path):
    def parse_text(text, **options):
        content = text if isinstance(text, bytes) else text.encode()
        return upload_files.parse(tmp_path, {"my.csv": content}, "CSV", **options)

    return parse_text


def test_numbers_are_features_and_words_of_the_label_column_are_classes(parse):
    parsed = parse(GOOD)
    assert (parsed.kind, parsed.shape, parsed.labels) == ("table", (2,), ("rose", "tulip"))
    assert parsed.train.inputs.tolist() == [[1, 2.5], [3, 4]]
    assert parsed.train.labels.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("header", "options", "labels"),
    [
        ("label,b,c", {}, ("1", "4")),
        ("a,target,c", {}, ("2", "5")),
        ("a,b,c", {}, ("3", "6")),
        ("a,b,label", {"label_column": "a"}, ("1", "4")),
    ],
)
def test_the_label_is_the_column_that_is_named_or_called_so_or_the_last(parse, header, options, labels):
    assert parse(f"{header}\n1,2,3\n4,5,6\n", **options).labels == labels


def test_whole_numbers_for_labels_are_ordered_as_numbers(parse):
    parsed = parse("x,label\n0,10\n0,9\n0,-1\n")
    assert parsed.labels == ("-1", "9", "10")
    assert parsed.train.labels.tolist() == [2, 1, 0]


def test_given_names_stand_for_the_numbers(parse):
    parsed = parse("x,label\n0,1\n0,0\n", labels=("no", "yes"))
    assert parsed.labels == ("no", "yes")
    assert parsed.train.labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    "text", ["x;label\n1;a\n2;b\n", "x\tlabel\n1\ta\n2\tb\n", "\ufeffx,label\r\n1,a\r\n\r\n2,b\r\n"]
)
def test_other_delimiters_line_ends_and_a_byte_order_mark_are_understood(parse, text):
    parsed = parse(text)
    assert parsed.labels == ("a", "b")
    assert parsed.train.inputs.tolist() == [[1], [2]]


def test_columns_may_be_called_by_numbers(parse):
    parsed = parse("400.5,401,species\n1,2,rose\n3,4,tulip\n")
    assert parsed.train.inputs.tolist() == [[1, 2], [3, 4]]


def test_one_column_of_words_is_a_set_of_texts(parse):
    parsed = parse('review,label\n"Great, really\nsplendid.",good\nBad.,bad\n')
    assert (parsed.kind, parsed.shape, parsed.labels) == ("text", (), ("bad", "good"))
    assert parsed.train.inputs == ["Great, really\nsplendid.", "Bad."]


@pytest.mark.parametrize(
    ("text", "item", "words"),
    [
        (GOOD + "1,2\n", "my.csv line 4", "has 2 cells, but the header has 3"),
        (GOOD + "1,2,rose,4\n", "my.csv line 4", "has 4 cells"),
        (GOOD + "1,many,rose\n", "my.csv line 4, width", "'many' is no number"),
        (GOOD + "1,,rose\n", "my.csv line 4, width", "is empty"),
        (GOOD + "nan,2,rose\n", "my.csv line 4, length", "not finite"),
        (GOOD + "1,inf,rose\n", "my.csv line 4, width", "not finite"),
        (GOOD + "1,1e39,rose\n", "my.csv line 4, width", "not finite in 32 bits"),
        (GOOD + "1,2,\n", "my.csv line 4", "has no label"),
        (GOOD + '1,"2,rose\n', "my.csv line 4", "cannot be read as CSV"),
        ("review,label\nGood.,a\n ,b\n", "my.csv line 3", "has an empty text"),
        (GOOD.encode() + b"\xff,2,rose\n", "my.csv line 4", "is not UTF-8"),
        ("", "my.csv line 1", "has nothing"),
        ("label\na\n", "my.csv line 1", "only the column 'label'"),
        ("a,a,label\n1,2,3\n", "my.csv line 1", "names the column 'a' 2 times"),
        ("1,2,3\n4,5,6\n", "my.csv line 1", "has only numbers; the first line must name the columns"),
        (
            "5.1,3.5,rose\n4,5,tulip\n1,2,rose\n",
            "my.csv line 1",
            "is a row of data: 'rose' is a label of rows below",
        ),
        ("a,label\n", "my.csv", "has no rows"),
        ("a,label\n1,x\n2,x\n", "source", "has only the class 'x'"),
    ],
)
def test_a_fault_is_named_by_its_line_and_column(parse, text, item, words):
    with pytest.raises(errors.InvalidArgument) as refused:
        parse(text)
    assert [violation.field for violation in refused.value.violations] == [item]
    assert words in refused.value.violations[0].description


def test_all_faults_are_named_at_once(parse):
    with pytest.raises(errors.InvalidArgument) as refused:
        parse(GOOD + "1,many,rose\n1\n,2,tulip\n")
    items = sorted(violation.field for violation in refused.value.violations)
    assert items == ["my.csv line 4, width", "my.csv line 5", "my.csv line 6, length"]


def test_a_label_column_that_is_not_there_names_the_nearest(parse):
    with pytest.raises(errors.InvalidArgument, match="label: there is no column 'lable'; did you mean label"):
        parse(GOOD, label_column="lable")


def test_a_label_out_of_range_of_the_given_names_is_named(parse):
    with pytest.raises(errors.InvalidArgument, match=r"my\.csv line 3: the label '2' is out of range"):
        parse("x,label\n0,1\n0,2\n", labels=("no", "yes"))


def test_measurements_for_labels_are_refused(parse):
    rows = "".join(f"0,{n / 7}\n" for n in range(10_001))
    with pytest.raises(errors.InvalidArgument, match=r"10,001 different labels.*are these measurements"):
        parse(f"x,label\n{rows}")
