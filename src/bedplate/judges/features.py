"""How a claim meets its sources, in numbers; judges/weights.py makes a probability of them.

No feature is the claim's length: data sets where short answers are the right ones would teach that
habit. Each is written so that one sign of its weight makes sense.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

import numpy as np

from bedplate.domain.answers import Mismatch
from bedplate.judges.encoding import Encoded
from bedplate.judges.mismatches import mismatches
from bedplate.judges.sources import Line
from bedplate.judges.wording import Wording

Features = dict[str, float]

CHECKS: tuple[Mismatch, ...] = ("number", "date", "unit", "entity", "negation")


def describe(
    wording: Wording,
    near: Sequence[Line],
    missing: frozenset[str],
    claim: Encoded,
    beside: Sequence[Encoded],
) -> Features:
    """`near` are the sentences nearest to the claim, best first, of which `beside` encodes the first;
    `missing` are its terms that none of its passages has.
    """
    found = mismatches(wording, near)
    return {
        **_words(wording, near, missing),
        **_order(wording, near),
        **_meaning(claim, beside),
        **{f"{check}_differs": float(check in found) for check in CHECKS},
    }


def _words(wording: Wording, near: Sequence[Line], missing: frozenset[str]) -> Features:
    """How much of the claim's weight is there, letter for letter."""
    weights = wording.weights
    new = {term: weight for term, weight in weights.items() if term not in wording.asked}
    bags = [line.bag for line in near]
    first, two, window = (frozenset[str]().union(*bags[:count]) for count in (1, 2, len(bags)))
    titles = frozenset[str]().union(*(line.above for line in near))
    return {
        "cover_first": _share(weights, first),
        "cover_two": _share(weights, two),
        "cover_near": _share(weights, window | titles),
        "cover_all": 1 - _share(weights, missing) if weights else 0.0,
        "new_first": _share(new, first),
        "new_near": _share(new, window | titles),
        "gap": max((w for term, w in weights.items() if term not in window | titles), default=0.0)
        / max(weights.values(), default=1.0),
    }


def _share(weights: Mapping[str, float], bag: Collection[str]) -> float:
    whole = sum(weights.values())
    return sum(weight for term, weight in weights.items() if term in bag) / whole if whole else 1.0


def _order(wording: Wording, near: Sequence[Line]) -> Features:
    """How much of it is there in the same order."""
    pairs = set(pairwise(wording.terms))
    seen = {pair for line in near for pair in pairwise(line.terms)}
    longest = max((_run(wording.terms, line.terms) for line in near[:2]), default=0)
    return {
        "pairs": len(pairs & seen) / len(pairs) if pairs else 1.0,
        "run": longest / max(len(wording.terms), 1),
    }


def _run(terms: Sequence[str], other: Sequence[str]) -> int:
    """The longest run of terms that both have."""
    places: dict[str, list[int]] = {}
    for place, term in enumerate(other):
        places.setdefault(term, []).append(place)
    best, last = 0, dict[int, int]()
    for term in terms:
        last = {place: last.get(place - 1, 0) + 1 for place in places.get(term, ())}
        best = max(best, *last.values(), 0)
    return best


def _meaning(claim: Encoded, beside: Sequence[Encoded]) -> Features:
    """How near the sentences are, and how well the claim's words are met (late interaction)."""
    others = [each for each in beside if len(each.vectors)]
    if not others or not len(claim.vectors):
        return {"cosine": 0.0, "met_first": 0.0, "met": 0.0, "worst": 0.0, "second": 0.0}
    by_sentence = [(claim.vectors @ each.vectors.T).max(axis=1) for each in others]
    best = np.max(by_sentence, axis=0)
    weights = claim.weights if claim.weights.any() else np.ones_like(claim.weights)
    ordered = np.sort(best[weights > 0])
    whole = float(weights.sum())
    return {
        "cosine": max(float(claim.mean @ each.mean) for each in others),
        "met_first": float(by_sentence[0] @ weights) / whole,
        "met": float(best @ weights) / whole,
        "worst": float(ordered[0]),
        "second": float(ordered[min(1, len(ordered) - 1)]),
    }
