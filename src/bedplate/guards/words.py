"""Words of a text as word pieces, and the kind of each, as the guards' model reads them.

Training and use read words with the same functions: a change here needs a model fitted anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bedplate.encoder import Pieces
from bedplate.guards.blocks import ALONE
from bedplate.guards.pii_shapes import shapes


@dataclass(frozen=True, slots=True)
class Word:
    """`first` and `last` are its pieces, `start` and `end` where it stands."""

    first: int
    last: int
    start: int
    end: int


def words_of(text: str, pieces: Pieces) -> list[Word]:
    """Pieces that touch are one word, as far as no sign of punctuation is among them."""
    found: list[list[int]] = []
    last = -1
    for place, (start, end) in enumerate(pieces.offsets):
        if start <= last and _is_one(text, last, start):
            found[-1][1] = place
            found[-1][3] = last = max(last, end)
        else:
            found.append([place, place, start, end])
            last = end
    return [Word(*each) for each in found]


def kinds_of(text: str, words: Sequence[Word]) -> list[int]:
    """The kind of each piece (guards/pii_shapes.py)."""
    kinds = shapes(text, [(word.start, word.end) for word in words])
    return [
        kind
        for word, kind in zip(words, kinds, strict=True)
        for _ in range(word.first, word.last + 1)
    ]


def _is_one(text: str, end: int, start: int) -> bool:
    """Whether the sign before `end` and the one at `start` are of one word."""
    signs = text[end - 1 : end] + text[start : start + 1]
    return start < end or (all(map(str.isalnum, signs)) and not ALONE.search(signs))
