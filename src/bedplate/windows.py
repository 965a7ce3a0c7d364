"""What small models read in pairs: a question or a claim, a title, and sentences, as word pieces.

Each piece has a kind, which says what a six-layer encoder finds hard to see by itself: whether a
word of the question is met by the sentences, elsewhere in the passage, or not at all. The fitted
models know these kinds by their numbers (training/reader, training/support).
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bedplate.encoder import SEP, Pieces
from bedplate.sentences import Span
from bedplate.terms import analyse

KINDS = 10
MARK, STOP, MET, NEAR, MISSING, HEAD, PLAIN, CAPITAL, DIGIT, SHARED = range(KINDS)
WIDTH = 84
"""Pieces of the passage in one window."""
MOST_ASKED = 40
"""Pieces of the question or claim."""
MOST_HEAD = 12
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Words:
    """A text as pieces. `terms` has the index term of the word that each piece is of, "" for stop
    words and punctuation; `shapes` has its kind as a piece of a passage.
    """

    ids: Sequence[int]
    offsets: Sequence[tuple[int, int]]
    terms: Sequence[str]
    shapes: Sequence[int]


@dataclass(frozen=True, slots=True)
class Window:
    """`ids` and `kinds` without outer markers; those from `first` on are pieces of the passage, which
    stand in its text at `offsets`.
    """

    ids: Sequence[int]
    kinds: Sequence[int]
    first: int
    offsets: Sequence[tuple[int, int]]


def words_of(text: str, pieces: Pieces) -> Words:
    terms, shapes = [""] * (len(text) + 1), [PLAIN] * (len(text) + 1)
    for match in _WORD.finditer(text):
        word, (start, end) = match.group(), match.span()
        term = next(iter(analyse(word)), "")
        digit = any(c.isdigit() for c in word)
        shape = DIGIT if digit else CAPITAL if word[0].isupper() else PLAIN
        terms[start:end] = [term] * (end - start)
        shapes[start:end] = [shape] * (end - start)
    starts = [min(a, len(text)) for a, _ in pieces.offsets]
    return Words(
        pieces.ids, pieces.offsets, [terms[a] for a in starts], [shapes[a] for a in starts]
    )


def stretches(passage: Words, sentences: Sequence[Span], width: int = WIDTH) -> Iterator[Span]:
    """Neighbouring sentences that fit into a window together, in reading order; a sentence that is
    longer stands alone.
    """
    starts = [a for a, _ in passage.offsets]
    begin, first, end = 0, 0, 0
    for start, stop in sentences:
        last = bisect_left(starts, stop)
        if end and last - first > width:
            yield begin, end
            end = 0
        if not end:
            begin, first = start, bisect_left(starts, start)
        end = stop
    if end:
        yield begin, end


def window(
    asked: Words,
    head: Words,
    passage: Words,
    span: Span,
    *,
    most: int = MOST_ASKED,
    width: int = WIDTH,
) -> Window:
    """`span` of the passage, cut at `width` pieces, beside the first `most` of what is asked."""
    starts = [a for a, _ in passage.offsets]
    first = bisect_left(starts, span[0])
    part = slice(first, min(bisect_left(starts, span[1]), first + width))
    wanted = {t for t in asked.terms[:most] if t}
    here = {*passage.terms[part], *head.terms}
    elsewhere = {*passage.terms}

    def met(term: str) -> int:
        if not term:
            return STOP
        return MET if term in here else NEAR if term in elsewhere else MISSING

    question = [*asked.ids[:most], SEP, *head.ids[:MOST_HEAD], SEP]
    kinds = [
        *map(met, asked.terms[:most]), MARK,
        *(SHARED if t in wanted else HEAD for t in head.terms[:MOST_HEAD]), MARK,
        *(SHARED if t in wanted else s
          for t, s in zip(passage.terms[part], passage.shapes[part], strict=True)),
    ]  # fmt: skip
    return Window([*question, *passage.ids[part]], kinds, len(question), passage.offsets[part])
