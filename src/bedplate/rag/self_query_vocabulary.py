"""The known values of a collection, indexed so that a sentence's words find them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bedplate.domain.facets import Facet, Facets
from bedplate.rag.self_query_schema import Field, Schema
from bedplate.rag.self_query_words import fold, folded, word_set
from bedplate.terms import STOP_WORDS, analyse

MOST_WORDS = 8
"""Longer values are prose and are not looked for."""

SMALL = 1_000
"""A field with at most so many values has a closed list: they are also found in other forms."""

_SHORTEST_START = 2
_UNIQUE = 0.8
_UNIQUE_FROM = 20
_PROSE = word_set(
    "title name id url uri href link path source description summary text body content abstract "
    "email address slug sku image thumbnail"
)


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a string field with the number of documents that have it."""

    field: Field
    text: str
    documents: int


class Vocabulary:
    """What a question is read against: schema and values of one collection at one moment.

    Building it takes tens of milliseconds for ten thousands of values; reading a question with it
    takes few. Keep it as long as the collection's generation stays.
    """

    def __init__(self, facets: Facets) -> None:
        self.facets = facets = without_codes(facets)
        self.schema = Schema(facets)
        self._keys: dict[str, list[Value]] = {}
        self._forms: dict[frozenset[str], list[Value]] = {}
        self._several: list[tuple[list[str], Value]] = []
        self._identifiers: dict[str, list[tuple[Field, str]]] = {}
        for field in self.schema.fields:
            if field.kind != "string":
                continue
            if is_identifier(field):
                for text in map(str, field.facet.values):
                    self._identifiers.setdefault(text.lower(), []).append((field, text))
            else:
                self._index(field)

    def exact(self, words: Sequence[str]) -> list[Value]:
        """The values that are written with these folded words, however they are joined."""
        return self._keys.get("".join(words), [])

    def inflected(self, words: Sequence[str]) -> list[Value]:
        """The values of closed lists with the same stems in any order: "overnight shipping"."""
        return self._forms.get(_stems(words), [])

    def abbreviated(self, words: Sequence[str]) -> list[Value]:
        """The one value of a closed list whose words begin like these: "sci-fi"."""
        if any(len(word) < _SHORTEST_START for word in words):
            return []
        found = [
            value
            for full, value in self._several
            if len(full) == len(words)
            and all(part.startswith(start) for part, start in zip(full, words, strict=True))
        ]
        return found if len(found) == 1 else []

    def identifiers(self, text: str) -> list[Value]:
        """The values written like `text`, but for case, that tell documents apart: titles."""
        found = self._identifiers.get(text.lower(), [])
        return [Value(field, value, 1) for field, value in found]

    def _index(self, field: Field) -> None:
        small = is_small(field)
        for text, documents in field.facet.values.items():
            words = [] if not isinstance(text, str) else list(folded(text))
            if not 1 <= len(words) <= MOST_WORDS:
                continue
            value = Value(field, str(text), documents)
            self._keys.setdefault("".join(words), []).append(value)
            if small and len(words) > 1:
                self._several.append((words, value))
                stems = _stems(words)
                if len(stems) > 1:
                    self._forms.setdefault(stems, []).append(value)


def is_small(field: Field) -> bool:
    return field.facet.complete and len(field.facet.values) <= SMALL


def is_identifier(field: Field) -> bool:
    """Whether its values tell documents apart instead of grouping them."""
    if field.is_list:
        return False
    if not _PROSE.isdisjoint(field.core or field.words) or field.words == ("name",):
        return True
    facet = field.facet
    distinct = len(facet.values)
    return facet.documents >= _UNIQUE_FROM and distinct >= _UNIQUE * max(facet.entries, 1)


def _stems(words: Sequence[str]) -> frozenset[str]:
    return frozenset(
        stem for word in words if word not in STOP_WORDS for stem in (analyse(word) or [fold(word)])
    )


def without_codes(facets: Facets) -> Facets:
    """Without a field "language" that holds codes: "is", "it", "no" and "de" are words as well."""
    fields = tuple(field for field in facets.fields if not _holds_codes(field))
    return facets if len(fields) == len(facets.fields) else replace(facets, fields=fields)


def _holds_codes(facet: Facet) -> bool:
    return facet.name == "language" and all(len(str(value)) == 2 for value in facet.values)
