"""What a tagging model sees of a word beside its letters, which its vocabulary has in lower case.

Training and use read words with the same functions: a change here needs a model fitted anew.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

SHAPES = 12
"""Kinds of words: six shapes, each in the middle of a line and as the first word of one."""

_NO_LINE = frozenset({"", " "})
_LINE = re.compile(r"[\n\r\u2028\u2029]")


def shapes(text: str, words: Sequence[tuple[int, int]]) -> list[int]:
    """The kind of each word, given as spans of the text in order."""
    # Most words are a space apart.
    starts = [
        True,
        *(
            text[a[1] : b[0]] not in _NO_LINE and bool(_LINE.search(text, a[1], b[0]))
            for a, b in pairwise(words)
        ),
    ]
    return [
        _shape(text[start:end]) + (6 if first else 0)
        for (start, end), first in zip(words, starts, strict=bool(words))
    ]


def _shape(word: str) -> int:
    if word.isalpha():
        return _written(word)
    if any(sign.isdigit() for sign in word):
        return 3
    if not any(sign.isalpha() for sign in word):
        return 4
    return _written(word)


def _written(word: str) -> int:
    if word.islower():
        return 0
    if word.isupper() and len(word) > 1:
        return 2
    return 1 if word[:1].isupper() else 5
