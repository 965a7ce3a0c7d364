"""Names, places and other personal data without a shape, told by a small trained model.

Every word is of a type or of none, and begins a value or goes on with one (guards/reading.py).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from bedplate.domain.guard import Finding
from bedplate.guards.reading import Reader

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


class Head(Protocol):
    """What reads a segment; may be called by several threads at once."""

    def find(self, text: str) -> list[Finding]:
        """Findings of a short text, apart and in order."""
        ...


class TagHead:
    """`thresholds` are probabilities from which on a word is of a type; those of the model's own
    facts where a type has none. May be called by several threads at once.
    """

    def __init__(
        self, reader: Reader, facts: Mapping[str, Any], thresholds: Mapping[str, float]
    ) -> None:
        self.types: Sequence[str] = facts["types"]
        own: Mapping[str, float] = {**facts["tags"], **thresholds}
        self._least = np.array([own[name] for name in self.types], dtype=np.float32)
        self._reader = reader

    def find(self, text: str) -> list[Finding]:
        """Findings of a short text, whole words each, apart and in order."""
        reading = self._reader.read(text)
        words, shares = reading.words, reading.tags
        if not words:
            return []
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
