"""A collection's fields under the names that a sentence may call them by."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bedplate.domain.facets import Facet, Facets
from bedplate.domain.filters import FieldKind
from bedplate.rag.self_query_thesaurus import (
    CONCEPTS,
    DATE_NAMES,
    DATE_ORDER,
    GENERIC_RECORDS,
    RECORDS,
)
from bedplate.rag.self_query_words import fold, folded, word_set

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_UNITS = word_set(
    "pct percent percentage usd eur gbp kg g gb mb cm mm km minute min hour ms at on count number "
    "num total is has name"
)
_YEARS = (1000.0, 2200.0)
_ALIKE = 3
LONGEST_NAME = 4


@dataclass(frozen=True, slots=True)
class Field:
    """One field of one kind. `words` are those of its name; `core` is without units and affixes."""

    name: str
    kind: FieldKind
    words: tuple[str, ...]
    core: tuple[str, ...]
    facet: Facet

    @property
    def is_year(self) -> bool:
        """Whether its numbers are calendar years."""
        facet = self.facet
        if self.kind != "number" or not facet.whole:
            return False
        low, high = facet.low, facet.high
        if not (isinstance(low, int | float) and isinstance(high, int | float)):
            return False
        return _YEARS[0] <= low and high <= _YEARS[1] and bool(DATE_NAMES & set(self.words))

    @property
    def is_list(self) -> bool:
        return self.facet.entries > self.facet.documents

    def named(self, names: Iterable[str]) -> bool:
        return not frozenset(self.words).isdisjoint(names)


class Schema:
    """The fields, found by kind, by concept and by their own names."""

    def __init__(self, facets: Facets) -> None:
        self.fields = tuple(_field(facet) for facet in facets.fields)
        self.numbers = tuple(f for f in self.fields if f.kind == "number" and not f.is_year)
        self.times = tuple(f for f in self.fields if f.kind == "date" or f.is_year)
        self._named: dict[str, list[Field]] = {}
        for field in self.fields:
            for words in {field.words, field.core}:
                self._named.setdefault(" ".join(words), []).append(field)
        self.records = self._records(facets.collection)

    def named(self, words: Sequence[str]) -> list[Field]:
        """The fields that are called just this."""
        return self._named.get(" ".join(words), [])

    def of_concept(self, concept: str, word: str = "") -> Field | None:
        """The number field that stands for a concept, if one stands out.

        Of several, the one whose name is most like the `word` that was said: of "stars" and
        "rating", "rated" means the latter.
        """
        names = CONCEPTS[concept].names
        fields = [field for field in self.numbers if field.named(names)]
        like = [f for f in fields if any(name[:_ALIKE] == word[:_ALIKE] for name in f.core)]
        return closest(like if word and like else fields, names)

    def time(self, names: Iterable[str], fields: Sequence[Field]) -> Field | None:
        """The one of `fields` that a verb means, else the one that is usually meant."""
        wanted = [f for f in fields if f.named(names)]
        if len(wanted) == 1:
            return wanted[0]
        fields = wanted or fields
        if len(fields) == 1:
            return fields[0]
        for name in DATE_ORDER:
            found = [f for f in fields if f.named([name])]
            if found:
                return found[0] if len(found) == 1 else None
        return None

    def _records(self, collection: str) -> frozenset[str]:
        """The nouns that mean any record of this collection."""
        words = {word for field in self.fields for word in field.words}
        nouns = set(GENERIC_RECORDS) | {fold(collection), *folded(collection.replace("_", " "))}
        for names, signs in RECORDS:
            if not words.isdisjoint(signs) or not nouns.isdisjoint(names - GENERIC_RECORDS):
                nouns |= names
        return frozenset(nouns)


def closest(fields: Sequence[Field], names: Iterable[str]) -> Field | None:
    """The only one, or the only one whose whole name is the concept's."""
    if len(fields) > 1:
        wanted = set(names)
        fields = [f for f in fields if set(f.core) <= wanted]
    return fields[0] if len(fields) == 1 else None


def _field(facet: Facet) -> Field:
    spaced = _CAMEL.sub(" ", facet.name).replace("_", " ")
    words = tuple(folded(spaced)) or (facet.name,)
    core = tuple(word for word in words if word not in _UNITS) or words
    return Field(facet.name, facet.kind, words, core, facet)
