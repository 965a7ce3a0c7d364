"""A small span reader (training/reader): which words of the passages answer, and how sure that is.

It serves refusal and short answers. Which sentence is quoted it does not decide: alone it picks worse
than the mix of scores does (quote_scoring).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bedplate.encoder import Encoder, open_packaged
from bedplate.models.quote_scoring import Encoded
from bedplate.sentences import Span
from bedplate.windows import Window, Words, stretches, window, words_of

NAME = "quote_reader"
LONGEST_SPAN = 24
"""Pieces of an answer."""

Logits = NDArray[np.float32]
Features = dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One window of a passage, `span`: its best answer is `text[start:end]`, and `margin` says how
    much more speaks for it than for no answer, in logits. `any` is the same of all spans together.
    `starts` and `ends` are the logits by piece, which stand in the text at `offsets`.
    """

    span: Span
    start: int
    end: int
    margin: float
    any: float
    starts: Logits
    ends: Logits
    offsets: Sequence[tuple[int, int]]

    def within(self, span: Span) -> tuple[float, Span] | None:
        """The margin of the best answer inside `span`, and where it stands; None where none was
        read.
        """
        inside = [i for i, (a, _) in enumerate(self.offsets) if span[0] <= a < span[1]]
        if not inside:
            return None
        part = slice(inside[0], inside[-1] + 1)
        margin, first, last = _best(self.starts[part], self.ends[part])
        return margin, (self.offsets[part][first][0], self.offsets[part][last][1])


_NONE = np.zeros(0, dtype=np.float32)
NOTHING = Reading((0, 0), -1, -1, -np.inf, -np.inf, _NONE, _NONE, ())


class SpanReader:
    """May be called by several threads at once."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def read(self, question: str, passage: Encoded, sentence: Span) -> Reading | None:
        """The sentences around `sentence` of the passage, as many as fit into a window; None where
        there is nothing to read.

        Further windows, the best by their sentences' scores, tell nothing more (training/quote).
        """
        words = self._words(passage.text)
        spans = stretches(words, [(s.start, s.end) for s in passage.sentences])
        span = next((each for each in spans if each[0] <= sentence[0] < each[1]), sentence)
        shown = window(self._words(question), self._words(passage.title), words, span)
        if not shown.offsets:
            return None
        (logits,) = self._encoder.run([shown.ids], [shown.kinds])
        return _reading(span, shown, logits[shown.first :])

    def _words(self, text: str) -> Words:
        return words_of(text, self._encoder.pieces(text))


def _reading(span: Span, shown: Window, logits: Logits) -> Reading:
    starts, ends = logits[:, 0], logits[:, 1]
    margin, first, last = _best(starts, ends)
    return Reading(
        span=span,
        start=shown.offsets[first][0],
        end=shown.offsets[last][1],
        margin=margin,
        any=float(np.logaddexp.reduce(starts) + np.logaddexp.reduce(ends)),
        starts=starts,
        ends=ends,
        offsets=shown.offsets,
    )


def _best(starts: Logits, ends: Logits) -> tuple[float, int, int]:
    """The best pair's sum, and its first and last piece."""
    pairs = np.triu(np.ones((len(starts), len(starts)), dtype=bool))
    pairs &= ~np.triu(pairs, LONGEST_SPAN)
    sums = np.where(pairs, starts[:, None] + ends[None, :], -np.inf)
    first, last = np.unravel_index(int(np.argmax(sums)), sums.shape)
    return float(sums[first, last]), int(first), int(last)


def describe_reading(reading: Reading | None, sentence: Span) -> Features:
    """Features of what was read around the sentence that would be quoted; 0 where all is even."""
    if reading is None:
        reading = NOTHING
    inside = reading.within(sentence)
    return {
        "read_best": _bounded(reading.margin),
        "read_any": _bounded(reading.any),
        "read_inside": _bounded(inside[0] if inside else -np.inf),
        "read_agree": float(sentence[0] <= reading.start < sentence[1]),
    }


def _bounded(margin: float) -> float:
    return float(np.clip(margin, -10.0, 10.0))


@lru_cache(maxsize=1)
def open_reader() -> SpanReader:
    """The shipped one, which all models share; reads 23 MB the first time."""
    encoder, _ = open_packaged("bedplate.models", NAME)
    return SpanReader(encoder)
