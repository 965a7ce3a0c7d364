"""Documents that a condition read from a question hides because they lack its field.

"umbrellas under $50" read as `price < 50` finds whatever is cheap, and hides the text about umbrellas
that has no field `price` but answers. So where what passes does not fit the words that remain, and
what lacks a field does, the condition was the wrong reading. A document that has the field and
fails the condition never speaks against it.
"""

from collections.abc import Mapping, Sequence
from typing import cast

from bedplate.domain.facets import Facets
from bedplate.domain.retrieval import Hit
from bedplate.terms import analyse

LOOKED_AT = 10
"""Hits that are judged, however many are wanted: pages of one question are read alike."""

FITS = 0.5
"""A hit fits that holds so much of the remaining words: most questions have words that stand in no
document, and one word in three is met by chance."""


def partial_fields(filter: Mapping[str, object], facets: Facets) -> frozenset[str]:
    """The fields of a filter that some documents of the collection lack."""
    everywhere = {f.name for f in facets.fields if f.documents >= facets.documents}
    return frozenset(_fields(filter)) - everywhere


def fits(text: str, hits: Sequence[Hit]) -> bool:
    """Whether one of the hits holds at least half of the words of `text` that count."""
    words = frozenset(analyse(text))
    return not words or any(_share(words, hit) >= FITS for hit in hits[:LOOKED_AT])


def lacking(hits: Sequence[Hit], fields: frozenset[str]) -> list[Hit]:
    """Those of the best hits that have no value in one of the fields."""
    return [
        hit
        for hit in hits[:LOOKED_AT]
        if any(hit.metadata.get(field) in (None, []) for field in fields)
    ]


def _fields(filter: Mapping[str, object]) -> set[str]:
    found: set[str] = set()
    for name, value in filter.items():
        if not name.startswith("$"):
            found.add(name)
            continue
        clauses = cast(list[object], value) if isinstance(value, list) else [value]
        for clause in clauses:
            if isinstance(clause, Mapping):
                found |= _fields(cast(Mapping[str, object], clause))
    return found


def _share(words: frozenset[str], hit: Hit) -> float:
    values = " ".join(str(value) for value in hit.metadata.values())
    held = words.intersection(analyse(f"{hit.title} {hit.heading or ''} {hit.text} {values}"))
    return len(held) / len(words)
