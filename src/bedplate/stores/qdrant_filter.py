"""What a point of Qdrant says of its chunk, and filters over it in Qdrant's own form.

Every value of every metadata field is one word of the payload key `fields`: a JSON array of the
field's name, the value's kind and the value. Equality is a match of such words, so that one keyword
index serves all fields, whatever they are called and however many there are. Numbers and dates are
kept once more under a key of their own, for ranges: Qdrant compares numbers as 64-bit floats, and
dates to the microsecond. https://qdrant.tech/documentation/concepts/filtering/
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from qdrant_client import models

from bedplate.domain.documents import Metadata, MetadataValue, Scalar
from bedplate.domain.filters import (
    And,
    Comparison,
    Documents,
    FieldKind,
    Filter,
    Not,
    Or,
    Related,
    kind_of,
    normalise_date,
)
from bedplate.domain.retrieval import Scope

TENANT, COLLECTION, DOCUMENT, CHUNK, FIELDS = "tenant", "collection", "document", "chunk", "fields"
INDEXED_WORDS = (TENANT, COLLECTION, DOCUMENT, FIELDS)
"""Payload keys with a keyword index: every filter names only these and keys of ranges."""

RANGED: tuple[FieldKind, ...] = ("number", "date")
RANGES = frozenset({"gt", "gte", "lt", "lte"})
LONGEST_WORD = 512
# Beyond it neighbouring integers are the same float.
EXACT_FLOATS = 2**53
LARGEST_FLOAT = 1.7976931348623157e308

Payload = dict[str, object]
NOTHING = models.HasIdCondition(has_id=[])
EVERYTHING = models.Filter(must_not=[NOTHING])


def word(field: str, *value: Scalar) -> str:
    """What stands in `fields` for a value and its kind, or, without them, for the field's presence.

    A long one is given by its SHA-256; no other word begins with anything but a bracket.
    """
    text = json.dumps([field, *value], separators=(",", ":"))
    return text if len(text) <= LONGEST_WORD else hashlib.sha256(text.encode()).hexdigest()


def range_key(field: str, kind: FieldKind) -> str:
    """The payload key of a field's numbers or dates; a name may hold anything, a key may not."""
    digest = hashlib.sha256(field.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{kind}_{digest[:32]}"


def range_kind(key: str) -> FieldKind | None:
    """The kind of values under a payload key that is one of `range_key`."""
    kind, _, digest = key.partition("_")
    return next((each for each in RANGED if each == kind and len(digest) == 32), None)


def fields_payload(metadata: Metadata) -> Payload:
    """The keys that filters ask for."""
    words: dict[str, None] = {}
    ranges: dict[str, list[float | str]] = {}
    for field, value in metadata.items():
        for member in _members(value):
            kind, plain = _plain(member)
            words |= {word(field): None, word(field, kind, plain): None}
            if kind == "number":
                ranges.setdefault(range_key(field, kind), []).append(_finite(float(plain)))
            elif kind == "date":
                ranges.setdefault(range_key(field, kind), []).append(str(plain))
    return {FIELDS: list(words), **ranges}


def range_keys(metadata: Metadata) -> set[str]:
    """The keys of `fields_payload` that a range may ask for."""
    return {
        range_key(field, kind)
        for field, value in metadata.items()
        for kind in {kind_of(member) for member in _members(value)}
        if kind in RANGED
    }


def is_exact(comparison: Comparison) -> bool:
    """Whether Qdrant can compare so, given an index for the range: no order of text, and no number
    whose neighbours are the same float.
    """
    if comparison.operator not in RANGES:
        return True
    value = comparison.value
    if comparison.kind == "number" and isinstance(value, int | float):
        return abs(value) < EXACT_FLOATS
    return comparison.kind == "date"


def compile_filter(scope: Scope, filter: Filter | None) -> models.Filter:
    """What passes `filter` within `scope`."""
    passing = [] if filter is None else [_compile(filter)]
    return models.Filter(must=[*_within(scope), *passing])


def in_documents(scope: Scope, ids: Sequence[str], *, but: Sequence[str] = ()) -> models.Filter:
    """All points of these documents, `but` the points with such ids."""
    kept = models.HasIdCondition(has_id=list(but))
    return models.Filter(must=[*_within(scope), _match_any(DOCUMENT, ids)], must_not=[kept])


def _within(scope: Scope) -> tuple[models.Condition, models.Condition]:
    return _match(TENANT, scope.tenant), _match(COLLECTION, scope.collection)


def _compile(filter: Filter) -> models.Condition:
    match filter:
        case And(clauses):
            return (
                models.Filter(must=[_compile(each) for each in clauses]) if clauses else EVERYTHING
            )
        case Or(clauses):
            return (
                models.Filter(should=[_compile(each) for each in clauses]) if clauses else NOTHING
            )
        case Not(clause):
            return models.Filter(must_not=[_compile(clause)])
        case Documents(ids):
            return _match_any(DOCUMENT, ids)
        case Related():
            raise AssertionError("a store without tables is given documents in their place")
        case Comparison():
            return _compile_comparison(filter)


def _compile_comparison(test: Comparison) -> models.Condition:
    negated = False
    match test.operator:
        case "exists":
            condition, negated = _match(FIELDS, word(test.field)), not test.value
        case "eq" | "ne" | "in" | "nin":
            members = test.value if isinstance(test.value, tuple) else (test.value,)
            words = [word(test.field, test.kind, _plain_number(value)) for value in members]
            condition, negated = _match_any(FIELDS, words), test.operator in ("ne", "nin")
        case operator:
            bound: Mapping[str, object] = {operator: _bound(test)}
            between = models.DatetimeRange if test.kind == "date" else models.Range
            condition = models.FieldCondition(
                key=range_key(test.field, test.kind), range=between.model_validate(bound)
            )
    return models.Filter(must_not=[condition]) if negated else condition


def _bound(test: Comparison) -> object:
    if test.kind == "date":
        return datetime.fromisoformat(str(test.value))
    return float(cast(float, test.value))


def _match(key: str, value: str) -> models.Condition:
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def _match_any(key: str, values: Sequence[str]) -> models.Condition:
    if not values:
        return NOTHING
    if len(values) == 1:
        return _match(key, values[0])
    return models.FieldCondition(key=key, match=models.MatchAny(any=list(values)))


def _members(value: MetadataValue) -> list[Scalar]:
    """The values of a field; null and what is not a number have no place in an index."""
    members = cast(Sequence[Scalar | None], value if isinstance(value, list | tuple) else [value])
    return [
        member
        for member in members
        if member is not None and not (isinstance(member, float) and math.isnan(member))
    ]


def _plain(value: Scalar) -> tuple[FieldKind, Scalar]:
    kind = kind_of(value)
    if isinstance(value, str):
        return kind, normalise_date(value) or value
    return kind, _plain_number(value)


def _plain_number(value: Scalar) -> Scalar:
    """Numbers that are equal are written alike: 5 and 5.0, and beyond 64 bits as the catalog does."""
    if isinstance(value, int) and abs(value) >= 2**63:
        value = float(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _finite(value: float) -> float:
    """JSON has no infinity."""
    return max(-LARGEST_FLOAT, min(LARGEST_FLOAT, value))
