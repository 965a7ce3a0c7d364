"""What a claim states that its sources do not: numbers, dates, units, names, and its denial."""

from collections.abc import Sequence

from bedplate.domain.answers import Mismatch
from bedplate.judges.facts import Facts
from bedplate.judges.quantities import UNIT_NAMES, Quantity, has, has_day, in_other_unit
from bedplate.judges.sources import Line
from bedplate.judges.wording import Wording
from bedplate.terms import analyse

ABOUT = 0.45
"""The least share of a claim's weight, its amounts aside, that a sentence of the same matter has."""
APART = 0.5
"""How much of that share a sentence of another matter has at most."""

_UNIT_TERMS = frozenset(analyse(" ".join(UNIT_NAMES)))


def mismatches(wording: Wording, near: Sequence[Line]) -> tuple[Mismatch, ...]:
    """Of a claim against the sentences nearest to it, best first. A name of the question, or of a
    sentence's title and heading, need not be in the sentence.
    """
    facts = wording.facts
    quantities = [each for line in near for each in line.facts.quantities]
    days = [each for line in near for each in line.facts.days]
    years = [Quantity(frozenset({float(day.year)})) for day in days if day.year]
    found: list[Mismatch] = []
    for each in facts.quantities:
        if in_other_unit(quantities, each):
            found.append("unit")
        elif not has([*quantities, *years], each) or _of_another(wording, near, each):
            found.append("number")
    if any(not has_day(days, day) for day in facts.days):
        found.append("date")
    terms = wording.asked.union(*(line.bag | line.above for line in near))
    if any(name - terms for name in facts.names):
        found.append("entity")
    if near and facts.negative != near[0].facts.negative:
        found.append("negation")
    return tuple(dict.fromkeys(found))


def _of_another(wording: Wording, near: Sequence[Line], wanted: Quantity) -> bool:
    """Whether the amount belongs to something else: the sentence about the claim's matter has another
    one of that kind, and those that have this one are about other things.
    """
    if not wanted.unit:
        return False
    having = [line for line in near if has(line.facts.quantities, wanted)]
    others = [
        line for line in near if line not in having and _has_other(line, wanted, wording.facts)
    ]
    if not having or not others:
        return False
    best = max(_shared(wording, line) for line in others)
    return best >= ABOUT and max(_shared(wording, line) for line in having) <= APART * best


def _has_other(line: Line, wanted: Quantity, facts: Facts) -> bool:
    """Whether the sentence has an amount of the same kind which the claim does not state."""
    return any(
        each.unit == wanted.unit and not has(facts.quantities, each)
        for each in line.facts.quantities
    )


def _shared(wording: Wording, line: Line) -> float:
    """The share of the claim's weight, numbers aside, that the sentence and what it stands under have."""
    words = {term: weight for term, weight in wording.weights.items() if not _measures(term)}
    there = sum(weight for term, weight in words.items() if term in line.bag | line.above)
    return there / sum(words.values()) if words else 0.0


def _measures(term: str) -> bool:
    """Whether it is a number or a unit, which amounts of any matter have."""
    return term in _UNIT_TERMS or any(map(str.isdigit, term))
