"""Passages that contradict each other: the same said of the same, with another number, date or no.

By rules over sentences that share most of their terms. They look for what is plainly said twice: a
contradiction in other words, or over several sentences, is not seen.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Literal

from bedplate.domain.answers import Conflict, Side
from bedplate.domain.chat import Passage
from bedplate.domain.retrieval import Hit
from bedplate.markers import cited
from bedplate.rag.checks.facts import Fact, Said, facts
from bedplate.rag.citations import citation
from bedplate.rag.recency import date_of
from bedplate.terms import analyse

MOST_CONFLICTS = 5
LEAST_SHARED = 2
ALIKE = 0.6
"""Shared terms over all terms (Jaccard), where one sentence only says more than the other."""
ALIKE_BOTH_WAYS = 0.75
"""Where each has terms that the other lacks."""
ABOUT_QUESTION = 1 / 3
"""What share of the question's terms a sentence must have, with its heading."""

_VERSION = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)|\bv(?:ersion)?\.?\s?\d[\d.]*\b", re.IGNORECASE)

About = Literal["number", "date", "negation"]


def conflicts(
    question: str, passages: Sequence[Passage], *, current: bool = True
) -> tuple[Conflict, ...]:
    """What the passages contradict each other in, as far as the question is about it.

    Without `current` the past is asked for, and what held at different times is no contradiction.
    """
    asked = frozenset(analyse(question))
    told = [[fact for fact in facts(p) if _is_asked(fact, asked)] for p in passages]
    found: list[Conflict] = []
    for ours, theirs in combinations(told, 2):
        for one, other in _pairs(ours, theirs):
            if (about := differs(one.said, other.said)) is None:
                continue
            conflict = _conflict(about, one, other)
            if conflict.newer is None or current:
                found.append(conflict)
                break
        if len(found) == MOST_CONFLICTS:
            break
    return tuple(found)


def in_prompt(found: Sequence[Conflict]) -> str:
    """What a model is told of them; nothing that a passage says stands in it."""
    lines = [f"- {_told(each)}" for each in found]
    return "\n".join(["The sources contradict each other:", *lines]) if lines else ""


def note(found: Sequence[Conflict], answer: str) -> str:
    """What an answer must say of the contradictions that it touches and has not said itself; empty
    where it touches none.
    """
    markers = {f"[{number}]" for number, _, _ in cited(answer)}
    lines: list[str] = []
    for each in found:
        ours = {side.citation.marker for side in each.sides}
        said = ours <= markers and all(s.since is None or s.since[:4] in answer for s in each.sides)
        if ours & markers and not said:
            lines.append(_told(each))
    return "\n\n" + " ".join(lines) if lines else ""


def _told(conflict: Conflict) -> str:
    names = [
        side.citation.marker + (f" (valid from {side.since})" if side.since else "")
        for side in conflict.sides
    ]
    what = {"number": "a number", "date": "a date", "negation": "whether it is so"}[conflict.about]
    told = f"Sources {names[0]} and {names[1]} contradict each other on {what}"
    if conflict.newer is None:
        return f"{told}; their dates do not say which one counts."
    return f"{told}; {conflict.newer} is newer and counts."


def _is_asked(fact: Fact, asked: frozenset[str]) -> bool:
    heading = frozenset(analyse(fact.passage.hit.heading or ""))
    shared = asked & (fact.said.terms | heading | fact.said.numbers | fact.said.dates)
    return bool(asked) and len(shared) >= max(1.0, ABOUT_QUESTION * len(asked))


def _pairs(ours: Sequence[Fact], theirs: Sequence[Fact]) -> Iterator[tuple[Fact, Fact]]:
    """Sentences of two passages that speak of the same matter."""
    for one in ours:
        for other in theirs:
            shared, every = one.said.terms & other.said.terms, one.said.terms | other.said.terms
            apart = (one.said.terms - other.said.terms, other.said.terms - one.said.terms)
            least = ALIKE_BOTH_WAYS if all(apart) else ALIKE
            if len(shared) < LEAST_SHARED or len(shared) < least * len(every):
                continue
            if (apart[0] & one.said.names) | (apart[1] & other.said.names):
                continue
            related = _family(one.passage.hit) == _family(other.passage.hit)
            if related or not (one.said.subjectless or other.said.subjectless):
                yield one, other


def differs(one: Said, other: Said) -> About | None:
    """In what two sentences about the same differ."""
    numbers = bool(one.numbers - other.numbers and other.numbers - one.numbers)
    dates = bool(one.dates - other.dates and other.dates - one.dates)
    if numbers and not dates:
        return "number"
    if dates and not numbers:
        # Where both differ, two times are spoken of.
        return "date" if one.numbers == other.numbers else None
    if one.negative != other.negative and (one.numbers, one.dates) == (other.numbers, other.dates):
        return "negation" if len(one.terms & other.terms) > LEAST_SHARED else None
    return None


def _conflict(about: About, one: Fact, other: Fact) -> Conflict:
    sides = (_side(one), _side(other))
    return Conflict(about, sides, _newer(one, other, *sides))


def _side(fact: Fact) -> Side:
    hit = fact.passage.hit
    return Side(citation(fact.passage, fact.start, fact.end), since_of(hit))


def since_of(hit: Hit) -> str | None:
    """The day from which the document holds, or is dated; its year where that is all."""
    found = hit.valid_from or date_of(hit)
    return None if found is None else found[:10]


def _newer(one: Fact, other: Fact, ours: Side, theirs: Side) -> str | None:
    gone = (one.passage.hit.superseded_by is not None, other.passage.hit.superseded_by is not None)
    if gone[0] != gone[1]:
        return (theirs if gone[0] else ours).citation.marker
    if ours.since is None or theirs.since is None or ours.since == theirs.since:
        return None
    return max((ours, theirs), key=lambda side: side.since or "").citation.marker


def _family(hit: Hit) -> tuple[str, ...]:
    """What versions of one document share: the title without its year."""
    return tuple(analyse(_VERSION.sub(" ", hit.title)))
