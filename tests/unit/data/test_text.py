"""Texts as token ids."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bessemer_server.data import preprocessing, sources, text
from bessemer_server.domain import plans


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("A great film!", ["a", "great", "film"]),
        ("good.<br /><br />But<BR>long", ["good", "but", "long"]),
        ("don't, ‘rock’n’roll’ 'quoted'", ["don't", "rock'n'roll", "quoted"]),
        ("10/10 - C'est déjà vu", ["10", "10", "c'est", "déjà", "vu"]),
        ("e\u0301te\u0301", ["été"]),
        ("<padding> <unknown>", ["padding", "unknown"]),
        ("!!! ...", []),
    ],
)
def test_a_text_is_split_into_words(given, words):
    assert text.split(given) == words


def test_the_most_frequent_words_come_first_and_equal_counts_go_by_the_alphabet():
    assert text.learn(["b a a", "c b A", "d"], 100) == ["a", "b", "c", "d"]
    assert text.learn(["b a a", "c b A", "d"], 4) == ["a", "b"]
    assert text.learn(["b a a"], 2) == []


def test_short_texts_are_padded_in_front_and_of_long_ones_the_last_words_stay():
    encode = text.Encoder({"words": ["the", "film"], "length": 3})
    ids = encode(["The film", "a b c the film", "zzz", "!"])
    assert ids.dtype == np.int64
    assert ids.tolist() == [[0, 2, 3], [1, 2, 3], [0, 0, 1], [0, 0, 0]]
    assert encode([]).shape == (0, 3)


@given(
    st.lists(
        st.sampled_from(["film ", "don't", "<br />", "e\u0301", "Σ", ".", "x" * 30, " "])
        | st.text(max_size=3)
    ),
    st.integers(1, 4),
)
def test_the_last_words_are_those_of_the_whole_text(parts, count):
    whole = "".join(parts)
    assert text.split_end(whole, count) == text.split(whole)[-count:]


@given(st.lists(st.text(), min_size=1, max_size=5), st.integers(2, 20), st.integers(1, 6))
def test_every_text_has_its_length_and_no_id_is_outside_the_vocabulary(texts, vocabulary, length):
    ids = text.Encoder({"words": text.learn(texts, vocabulary), "length": length})(texts)
    assert ids.shape == (len(texts), length)
    assert ids.min() >= 0
    assert ids.max() < vocabulary


def test_what_is_learnt_survives_json_and_stands_for_the_length_and_vocabulary_of_the_plan():
    info = plans.DatasetInfo("tiny", "", "text", (4,), ("no", "yes"), 2, 0, True, vocabulary=3)
    samples = sources.Samples(np.array(["so so", "good"], dtype=object), np.array([0, 1]))
    source = sources.Source(info, lambda folders: (samples, None))
    learnt = json.loads(json.dumps(preprocessing.learn(source, samples, info)))
    assert learnt == {"kind": "text", "words": ["so"], "length": 4}
    encoded = preprocessing.encode(samples, learnt)
    assert encoded.inputs.tolist() == [[0, 0, 2, 2], [0, 0, 0, 1]]
    assert encoded.labels is samples.labels


def test_words_have_the_same_ids_in_every_process():
    program = "from bessemer_server.data import text; print(text.learn(['b a c a', 'd c e'], 9))"
    runs = {subprocess.check_output([sys.executable, "-c", program], text=True) for _ in range(2)}
    assert runs == {"['a', 'c', 'b', 'd', 'e']\n"}


def test_a_text_of_combining_marks_takes_no_longer_than_another():
    marks = "\u0315\u0300" * 1_000_000
    assert text.split_end(f"Très{marks} bien", 5) == text.split_end(f"Très{marks[:30]} bien", 5)


@given(st.text(st.sampled_from("ae\u0301\u0323\u0315 \u00e9’'!-漢"), max_size=40))
def test_marks_of_common_length_change_no_word(written):
    longest = max(map(len, re.findall(r"[^\w\s]+", written)), default=0)
    plain = unicodedata.normalize("NFC", written).lower().replace("’", "'")
    assert longest > 30 or text.split(written) == text.WORD.findall(plain)
