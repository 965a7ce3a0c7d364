"""A small span reader (training/reader): which words of the passages answer, and how sure that is.

It serves refusal and short answers. Which sentence is quoted it does not decide: alone it picks worse
than the mix of scores does (quote_scoring).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bedplate.encoder import Encoder, open_packaged
from bedplate.models.quote_scoring import Column, Encoded, Places
from bedplate.sentences import Span
from bedplate.windows import Window, Words, stretches, window, words_of

NAME = "quote_reader"
WINDOWS = 4
"""How many are read, the best by the scores of their sentences: each costs about 15 ms."""

LONGEST_SPAN = 24
"""Pieces of an answer."""

Logits = NDArray[np.float32]
Features = dict[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One window of passage `place`: its best answer is `text[start:end]`, and `margin` says how
    much more speaks for it than for no answer, in logits. `any` is the same of all spans together.
    `starts` and `ends` are the logits by piece, which stand in the text at `offsets`.
    """

    place: int
    span: Span
    start: int
    end: int
    margin: float
    any: float
    starts: Logits
    ends: Logits
    offsets: Sequence[tuple[int, int]]

    def within(self, span: Span) -> tuple[float, Span] | None:
        """The margin of the best answer inside `span`, and where it stands; None where none can."""
        inside = [i for i, (a, _) in enumerate(self.offsets) if span[0] <= a < span[1]]
        if not inside:
            return None
        part = slice(inside[0], inside[-1] + 1)
        margin, first, last = _best(self.starts[part], self.ends[part])
        return margin, (self.offsets[part][first][0], self.offsets[part][last][1])


class SpanReader:
    """May be called by several threads at once."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def read(
        self, question: str, passages: Sequence[Encoded], place: Places, score: Column
    ) -> tuple[Reading, ...]:
        """The windows around the best sentences. `place` and `score` are of the passages' sentences,
        in order; one that must not be quoted has score -inf.
        """
        asked = self._words(question)
        chosen = sorted(self._windows(passages, place, score), key=lambda found: -found[0])[
            :WINDOWS
        ]
        shown = [
            (number, span, window(asked, self._words(passages[number].title), words, span))
            for _, number, span, words in chosen
        ]
        logits = self._encoder.run([w.ids for *_, w in shown], [w.kinds for *_, w in shown])
        return tuple(
            _reading(number, span, w, found[w.first :])
            for (number, span, w), found in zip(shown, logits, strict=True)
            if len(w.offsets)
        )

    def _windows(
        self, passages: Sequence[Encoded], place: Places, score: Column
    ) -> Iterator[tuple[float, int, Span, Words]]:
        for number, passage in enumerate(passages):
            own = score[place == number]
            if not np.isfinite(own).any():
                continue
            words = self._words(passage.text)
            for span in stretches(words, [(s.start, s.end) for s in passage.sentences]):
                inside = [span[0] <= s.start < span[1] for s in passage.sentences]
                yield float(own[inside].max()), number, span, words

    def _words(self, text: str) -> Words:
        return words_of(text, self._encoder.pieces(text))


def _reading(number: int, span: Span, shown: Window, logits: Logits) -> Reading:
    starts, ends = logits[:, 0], logits[:, 1]
    margin, first, last = _best(starts, ends)
    return Reading(
        place=number,
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


def _around(readings: Sequence[Reading], place: int, sentence: Span) -> Iterator[Reading]:
    return (r for r in readings if r.place == place and r.span[0] <= sentence[0] < r.span[1])


def answer_within(readings: Sequence[Reading], place: int, sentence: Span) -> Span | None:
    """Where in a sentence of passage `place` the best answer stands; None where it was not read."""
    found = [w for r in _around(readings, place, sentence) if (w := r.within(sentence))]
    return max(found)[1] if found else None


def describe_reading(readings: Sequence[Reading], place: int, sentence: Span) -> Features:
    """Features of what was read, given the sentence that would be quoted; 0 where all is even."""
    here = list(_around(readings, place, sentence))
    inside = [w for r in here if (w := r.within(sentence))]
    best = max(readings, key=lambda r: r.margin, default=None)
    agreed = best is not None and best in here and sentence[0] <= best.start < sentence[1]
    return {
        "read_best": _bounded(best.margin if best else -np.inf),
        "read_any": _bounded(max((r.any for r in readings), default=-np.inf)),
        "read_here": _bounded(max((r.any for r in here), default=-np.inf)),
        "read_inside": _bounded(max(inside)[0] if inside else -np.inf),
        "read_agree": float(agreed),
    }


def _bounded(margin: float) -> float:
    return float(np.clip(margin, -10.0, 10.0))


@lru_cache(maxsize=1)
def open_reader() -> SpanReader:
    """The shipped one, which all models share; reads 23 MB the first time."""
    encoder, _ = open_packaged("bedplate.models", NAME)
    return SpanReader(encoder)
