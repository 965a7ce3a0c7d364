"""What a claim states that its sources do not: numbers, dates, units, names, and its denial."""

from collections.abc import Sequence

from bedplate.domain.answers import Mismatch
from bedplate.judges.quantities import Quantity, has, has_day, in_other_unit
from bedplate.judges.sources import Line
from bedplate.judges.wording import Wording


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
        elif not has([*quantities, *years], each):
            found.append("number")
    if any(not has_day(days, day) for day in facts.days):
        found.append("date")
    terms = wording.asked.union(*(line.bag | line.above for line in near))
    if any(name - terms for name in facts.names):
        found.append("entity")
    if near and facts.negative != near[0].facts.negative:
        found.append("negation")
    return tuple(dict.fromkeys(found))
