"""A claim as it is compared with its sources."""

from dataclasses import dataclass

from bedplate.judges.facts import Facts, read_facts
from bedplate.judges.protocol import Statement
from bedplate.judges.sources import Sources
from bedplate.terms import analyse

SHORT_TERMS = 4
"""A claim of no more is read as the answer to its question: "Nevada" alone says nothing."""
_ASKED_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Wording:
    """`text` is what is encoded. `terms` are in order; `weights` is what each says; `asked` are the
    words of the question and of what the claim stands under, which it may repeat unproved.
    """

    text: str
    terms: tuple[str, ...]
    weights: dict[str, float]
    facts: Facts
    asked: frozenset[str]


def read_claim(statement: Statement, question: str, sources: Sources) -> Wording:
    own = analyse(statement.text)
    asked = frozenset(analyse(f"{question}\n{statement.under}"))
    text = statement.text
    if len(own) <= SHORT_TERMS:
        before = statement.under or question
        text = f"{before.rstrip(' ?:')} {text}" if before else text
    terms = (*analyse(text),)
    weights = {
        term: sources.weight(term) * (_ASKED_WEIGHT if term in asked else 1.0) for term in terms
    }
    return Wording(text, terms, weights, read_facts(statement.text), asked)
