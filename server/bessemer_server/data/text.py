"""Texts as token ids: words in lower case, of which a vocabulary learnt from the training split is known.

T is the length. 0 pads in front, 1 is an unknown word, and from 2 on the words are in order of frequency, as in Keras; of
a long text the last T words stay. Plain Python on purpose: docs/decisions/0007.
"""

from __future__ import annotations

import collections
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

PADDING, UNKNOWN, FIRST_WORD = 0, 1, 2
WORD = re.compile(r"\w+(?:'\w+)*")
CHARACTERS_PER_WORD = 8
"""More than words and the space between them usually have."""
LONG_RUN = re.compile(r"([^\w\s]{30})[^\w\s]+")
"""Marks between words, and combining ones, more than any script has in a row (Unicode Standard Annex 15, Stream-Safe Text)."""
LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)


def to_array(texts: Sequence[str]) -> npt.NDArray[Any]:
    """Strings as the inputs of samples: dtype object, so that each takes no more than it needs."""
    found = np.empty(len(texts), dtype=object)
    found[:] = texts
    return found


def split(text: str) -> list[str]:
    """The words of a text, without punctuation and the line breaks that web pages have; `don't` is one word."""
    text = LINE_BREAK.sub(" ", text)
    if not text.isascii():  # to put combining marks into order takes time with the square of their number
        text = unicodedata.normalize("NFC", LONG_RUN.sub(r"\1", text))
    return WORD.findall(text.lower().replace("’", "'"))


def split_end(text: str, count: int) -> list[str]:
    """The last `count` words of a text, without reading much more of it."""
    end = text[-CHARACTERS_PER_WORD * count :]
    # What comes first may be half a word, or half a line break.
    words = split(end)[1:] if len(end) < len(text) else []
    return (words if len(words) >= count else split(text))[-count:]


def learn(texts: Iterable[str], vocabulary: int) -> list[str]:
    """The `vocabulary - 2` most frequent words in order; equal counts go by the alphabet."""
    counts: collections.Counter[str] = collections.Counter()
    for text in texts:
        counts.update(split(text))
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return [word for word, _ in ordered[: vocabulary - FIRST_WORD]]


class Encoder:
    """Texts to token ids, by a definition that says `words` and `length`."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self._ids = {word: index for index, word in enumerate(definition["words"], FIRST_WORD)}
        self._length: int = definition["length"]

    def __call__(self, texts: Sequence[str]) -> npt.NDArray[np.int64]:
        """[N, T]."""
        ids = np.full((len(texts), self._length), PADDING, np.int64)
        for row, text in zip(ids, texts, strict=True):
            found = [self._ids.get(word, UNKNOWN) for word in split_end(text, self._length)]
            row[self._length - len(found) :] = found
        return ids
