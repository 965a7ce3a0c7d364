"""How a claim meets its sources, in numbers; judges/weights.py makes a probability of them.

No feature is the claim's length: data sets where short answers are the right ones would teach that
habit. Each is written so that one sign of its weight makes sense.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from bedplate.embedders.protocol import Matrix, TokenVectors
from bedplate.judges.facts import Facts
from bedplate.judges.quantities import Quantity, has, has_day, in_other_unit
from bedplate.judges.sources import Line, Sources
from bedplate.domain.answers import Mismatch

Features = dict[str, float]


@dataclass(frozen=True)
class Wording:
    """A claim as it is compared: `terms` in order with their `weights`, what it states, and the
    words of the question and of what it stands under, which count for less.
    """

    text: str
    terms: tuple[str, ...]
    weights: dict[str, float]
    facts: Facts
    asked: frozenset[str]


@dataclass(frozen=True)
class Encoded:
    """A text's token vectors, and for each token the weight of its word."""

    tokens: TokenVectors
    weights: Matrix

    @property
    def mean(self) -> Matrix:
        total = self.tokens.vectors.sum(axis=0)
        return total / max(float(np.linalg.norm(total)), 1e-9)


@dataclass(frozen=True)
class Found:
    """The evidence for a claim: the sentences nearest to it, best first, all of the passages'
    words that it may use, and which of its statements those do not carry.
    """

    near: Sequence[Line]
    missing: frozenset[str]
    mismatches: tuple[Mismatch, ...] = field(default=())


def compare(wording: Wording, found: Found) -> Features:
    """The features that need no vectors."""
    weights = wording.weights
    whole = max(sum(weights.values()), 1e-9)

    def cover(bag: frozenset[str]) -> float:
        return sum(weight for term, weight in weights.items() if term in bag) / whole

    near = found.near
    bags = [line.bag for line in near]
    titles = frozenset(term for line in near for term in line.above)
    first = bags[0] if bags else frozenset[str]()
    two = frozenset().union(*bags[:2])
    window = frozenset().union(*bags)
    lost = [weight for term, weight in weights.items() if term in found.missing]
    gaps = [weight for term, weight in weights.items() if term not in window | titles]
    pairs = set(pairwise(wording.terms))
    seen = {pair for line in near for pair in pairwise(line.terms)}
    new = {term: weight for term, weight in weights.items() if term not in wording.asked}
    return {
        "cover_1": cover(first),
        "cover_2": cover(two),
        "cover_near": cover(window),
        "cover_titled": cover(window | titles),
        "lost": sum(lost) / whole,
        "lost_most": max(lost, default=0.0) / max(max(weights.values(), default=1.0), 1e-9),
        "gap_most": max(gaps, default=0.0) / max(max(weights.values(), default=1.0), 1e-9),
        "new_in_first": (
            sum(weight for term, weight in new.items() if term in first)
            / max(sum(new.values()), 1e-9)
            if new
            else 1.0
        ),
        "pairs": len(pairs & seen) / max(len(pairs), 1),
        "run": max((_run(wording.terms, line.terms) for line in near), default=0)
        / max(len(wording.terms), 1),
    }


def _run(terms: Sequence[str], other: Sequence[str]) -> int:
    """The longest run of terms that both have."""
    best, last = 0, [0] * (len(other) + 1)
    for term in terms:
        now = [0] * (len(other) + 1)
        for place, each in enumerate(other, start=1):
            if term == each:
                now[place] = last[place - 1] + 1
        best, last = max(best, *now), now
    return best


def mismatches(
    wording: Wording, near: Sequence[Line], known: frozenset[str]
) -> tuple[Mismatch, ...]:
    """What of the claim's statements the nearest sentences do not carry; `known` are the terms of
    names that may go unsaid, such as the question's.
    """
    facts = wording.facts
    quantities = [each for line in near for each in line.facts.quantities]
    days = [each for line in near for each in line.facts.days]
    years = [Quantity(frozenset({float(day.year)})) for day in days if day.year]
    found: list[Mismatch] = []
    for each in facts.quantities:
        if in_other_unit(quantities, each):
            found.append("unit")
        elif not has([*quantities, *years], each):
            found.append("number")
    if any(not has_day(days, day) for day in facts.days):
        found.append("date")
    terms = known.union(*(line.bag | line.above for line in near))
    if any(name - terms for name in facts.names):
        found.append("entity")
    if near and facts.negative != near[0].facts.negative:
        found.append("negation")
    return tuple(dict.fromkeys(found))


def align(claim: Encoded, near: Sequence[Encoded]) -> Features:
    """How well the claim's words are met in meaning (ColBERT's late interaction), and cosines."""
    if not near or not len(claim.tokens.vectors):
        return {
            "cosine": 0.0,
            "cosine_mean": 0.0,
            "met_1": 0.0,
            "met": 0.0,
            "worst": 0.0,
            "second": 0.0,
        }
    cosines = [float(claim.mean @ each.mean) for each in near]
    each_best = [
        (claim.tokens.vectors @ each.tokens.vectors.T).max(axis=1)
        for each in near
        if len(each.tokens.vectors)
    ]
    best = np.max(each_best, axis=0)
    weights = claim.weights
    total = max(float(weights.sum()), 1e-9)
    word = np.sort(best[weights > 0]) if (weights > 0).any() else np.sort(best)
    return {
        "cosine": max(cosines),
        "cosine_mean": float(np.mean(cosines[:3])),
        "met_1": float(each_best[0] @ weights) / total,
        "met": float(best @ weights) / total,
        "worst": float(word[0]),
        "second": float(word[min(1, len(word) - 1)]),
    }
