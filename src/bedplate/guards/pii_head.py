"""Names, places and other personal data without a shape, told by a small trained model.

It is all-MiniLM-L6-v2, its lower layers, fine-tuned by training/pii: every word is of a type or of
none, and begins a value or goes on with one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from bedplate.domain.guard import Finding
from bedplate.encoder import Encoder, Pieces
from bedplate.guards.blocks import ALONE
from bedplate.guards.pii_shapes import shapes

WIDEST = 254
"""Word pieces that are looked at together; some scripts have several a character."""

_AROUND = " \t\r\n\v\f,;:\"'()[]{}<>|*_\u201c\u201d\u2018\u2019\u00ab\u00bb"

_NAMES = frozenset({"PERSON", "ORGANIZATION", "LOCATION", "ADDRESS"})
_STREETS = frozenset({"PERSON", "LOCATION", "ORGANIZATION"})
"""What a street named after someone or something is taken for."""
_HOUSE = re.compile(r"\d{1,4} ?[a-zA-Z]?\.?")
SURE = 0.9
"""From here on a name is believed whatever its letters."""
_CAPITALISED = re.compile(
    r"[^\W\d_][,;]? (?!I\b)[^\W\d_a-z\u00df-\u00ff\u0430-\u044f][a-z\u00df-\u00ff\u0430-\u044f]"
)
"""A capital within a sentence: who wrote this gives names capitals."""

Shares = NDArray[np.float32]


class Head(Protocol):
    """What reads a segment; may be called by several threads at once."""

    def find(self, text: str) -> list[Finding]:
        """Findings of a short text, apart and in order."""
        ...


@dataclass(frozen=True, slots=True)
class _Word:
    """`first` and `last` are its pieces, `start` and `end` where it stands."""

    first: int
    last: int
    start: int
    end: int


class TagHead:
    """`thresholds` are probabilities from which on a word is of a type; those of the model's own
    facts where a type has none. May be called by several threads at once.
    """

    def __init__(
        self, encoder: Encoder, facts: Mapping[str, Any], thresholds: Mapping[str, float]
    ) -> None:
        self.types: Sequence[str] = facts["types"]
        own: Mapping[str, float] = {**facts["thresholds"], **thresholds}
        self._least = np.array([own[name] for name in self.types], dtype=np.float32)
        self._encoder = encoder

    def find(self, text: str) -> list[Finding]:
        """Findings of a short text, whole words each, apart and in order."""
        pieces = self._encoder.pieces(text)
        words = _words(text, pieces)
        if not words:
            return []
        kinds = shapes(text, [(word.start, word.end) for word in words])
        shares = self._shares(pieces, words, kinds)
        firsts = np.array([word.first for word in words])
        sums = np.add.reduceat(shares[:, 1::2] + shares[:, 2::2], firsts, axis=0)
        mass = sums / np.diff(firsts, append=len(shares))[:, None]
        bests = mass.argmax(axis=1)
        scores = mass[np.arange(len(words)), bests]
        goes_on = shares[firsts, 1 + 2 * bests] <= shares[firsts, 2 + 2 * bests]
        found: list[Finding] = []
        last = -2
        for place in np.flatnonzero(scores >= self._least[bests]).tolist():
            word, best, score = words[place], int(bests[place]), float(scores[place])
            if place == last + 1 and best == bests[last] and goes_on[place]:
                before = found.pop()
                found.append(Finding(before.type, before.start, word.end, min(before.score, score)))
            else:
                found.append(Finding(self.types[best], word.start, word.end, score))
            last = place
        trimmed = [
            each for each in (_trimmed(text, finding) for finding in found) if each is not None
        ]
        if _CAPITALISED.search(text):
            trimmed = [each for each in trimmed if may_be_a_name(text, each)]
        return numbered(text, trimmed)

    def _shares(self, pieces: Pieces, words: Sequence[_Word], kinds: Sequence[int]) -> Shares:
        """The probability of each tag, (pieces, tags)."""
        types = [kind for word, kind in zip(words, kinds, strict=True) for _ in _places(word)]
        cuts = range(0, len(pieces.ids), WIDEST)
        logits = np.concatenate(
            self._encoder.run(
                [pieces.ids[cut : cut + WIDEST] for cut in cuts],
                [types[cut : cut + WIDEST] for cut in cuts],
            )
        )
        shares = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return shares / shares.sum(axis=-1, keepdims=True)


def _places(word: _Word) -> range:
    return range(word.first, word.last + 1)


def _words(text: str, pieces: Pieces) -> list[_Word]:
    """Pieces that touch are one word, as far as no sign of punctuation is among them."""
    words: list[_Word] = []
    for place, (start, end) in enumerate(pieces.offsets):
        last = words[-1] if words else None
        if last is not None and start <= last.end and _is_one(text, last.end, start):
            words[-1] = _Word(last.first, place, last.start, max(last.end, end))
        else:
            words.append(_Word(place, place, start, end))
    return words


def _is_one(text: str, end: int, start: int) -> bool:
    """Whether the sign before `end` and the one at `start` are of one word."""
    signs = text[end - 1 : end] + text[start : start + 1]
    return start < end or (all(map(str.isalnum, signs)) and not ALONE.search(signs))


def numbered(text: str, found: Sequence[Finding]) -> list[Finding]:
    """A name with a house number right behind it is a street's."""
    joined: list[Finding] = []
    for each in found:
        last = joined[-1] if joined else None
        if (
            last is not None
            and last.type in _STREETS
            and each.type == "ADDRESS"
            and text[last.end : each.start] == " "
            and _HOUSE.fullmatch(text, each.start, each.end)
        ):
            joined[-1] = Finding("ADDRESS", last.start, each.end, min(last.score, each.score))
        else:
            joined.append(each)
    return joined


def may_be_a_name(text: str, found: Finding) -> bool:
    """Not where it is in small letters throughout, and unsure."""
    if found.type not in _NAMES or found.score >= SURE:
        return True
    value = text[found.start : found.end]
    return not value.islower() or any(map(str.isdigit, value))


def _trimmed(text: str, found: Finding) -> Finding | None:
    """Without signs around it; None where nothing else is left."""
    value = text[found.start : found.end]
    start = found.start + len(value) - len(value.lstrip(_AROUND))
    end = found.start + len(value.rstrip(_AROUND))
    if not any(sign.isalnum() for sign in text[start:end]):
        return None
    return Finding(found.type, start, end, found.score)
