"""Passages made ready for any number of claims: their sentences, and which of them share words."""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from bedplate.domain.answers import Evidence
from bedplate.domain.chat import Passage
from bedplate.judges.facts import Facts, read_facts
from bedplate.sentences import split_sentences
from bedplate.terms import analyse

LONGEST = 1_200
"""Characters of a sentence; of what is longer, pieces."""


@dataclass(frozen=True)
class Line:
    """A sentence of a passage, with its terms in order, and those of what it stands under."""

    evidence: Evidence
    terms: tuple[str, ...]
    above: frozenset[str]

    @property
    def text(self) -> str:
        return self.evidence.text

    @cached_property
    def bag(self) -> frozenset[str]:
        return frozenset(self.terms)

    @cached_property
    def facts(self) -> Facts:
        return read_facts(self.text)


class Sources:
    """All sentences of all passages, and an index of their terms."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.lines: list[Line] = []
        self.numbers = frozenset(passage.number for passage in passages)
        self.titles: dict[int, frozenset[str]] = {}
        for passage in passages:
            hit = passage.hit
            self.titles[passage.number] = frozenset(analyse(f"{hit.title}\n{hit.heading or ''}"))
            self.lines += _lines(passage, self.titles[passage.number])
        self._places: dict[str, list[int]] = defaultdict(list)
        for place, line in enumerate(self.lines):
            for term in line.bag:
                self._places[term].append(place)

    def weight(self, term: str) -> float:
        """How much a term says: its idf among the sentences."""
        count, found = len(self.lines), len(self._places.get(term, ()))
        return math.log1p((count - found + 0.5) / (found + 0.5))

    def holds(self, term: str, numbers: Collection[int]) -> bool:
        return any(
            self.lines[place].evidence.passage in numbers for place in self._places.get(term, ())
        ) or any(term in self.titles[number] for number in numbers)

    def nearest(
        self, weights: Mapping[str, float], numbers: Collection[int], limit: int
    ) -> list[int]:
        """The places of the sentences that share most of the weight, best first. A sentence also
        has the words of its title and heading, which it seldom repeats.
        """
        shared: dict[int, float] = defaultdict(float)
        for term, weight in weights.items():
            for place in self._places.get(term, ()):
                shared[place] += weight
        found = [place for place in shared if self.lines[place].evidence.passage in numbers]
        for place in found:
            above = self.lines[place].above - self.lines[place].bag
            shared[place] += 0.5 * sum(weights.get(term, 0.0) for term in above)
        # Among equals the shorter one, which says less besides.
        found.sort(key=lambda place: (-shared[place], len(self.lines[place].terms), place))
        return found[:limit]


def _lines(passage: Passage, title: frozenset[str]) -> list[Line]:
    text = passage.hit.text
    lines: list[Line] = []
    for sentence in split_sentences(text):
        above = title
        if sentence.context is not None:
            above = above | frozenset(analyse(text[slice(*sentence.context)]))
        for start in range(sentence.start, sentence.end, LONGEST):
            end = min(start + LONGEST, sentence.end)
            if terms := tuple(analyse(text[start:end])):
                evidence = Evidence(passage.number, text[start:end], start, end)
                lines.append(Line(evidence, terms, above))
    return lines
