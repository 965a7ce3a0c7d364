"""Filters in Pinecone's metadata language, and the metadata that makes them exact.

https://docs.pinecone.io/guides/search/filter-by-metadata: a value is text, a 64-bit float, a
boolean or a list of text; only numbers are ordered; null and lists of numbers are refused. So a
field is kept under keys of its own making, none longer than 50 characters:

- `values_<digest>`, a list of text, one token a member. The token's first letter is its kind, and
  what follows stands for exactly one value: equality, membership and presence ask here.
- `number_least_`, `number_most_`, `date_least_`, `date_most_`: the extremes of the members, dates
  as microseconds since 1970. "Any member above x" is "the greatest is above x".

Field names are kept as digests, and long or unprintable text is too: nothing that a user wrote
can be taken for an operator. Whether a negated test passes a record without the field is not said
in the specification; each one asks for the presence itself, so both readings give the same.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bedplate.domain.documents import Metadata, Scalar
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
from bedplate.domain.ids import DocumentId
from bedplate.errors import BadFilter

DOCUMENT = "document"
"""The key under which every record keeps its document's digest."""

EXACT = 2**53
"""Below it every integer is a 64-bit float of its own, and nothing else is rounded to it."""

ORDERED: tuple[FieldKind, ...] = ("number", "date")
LONGEST_TEXT = 128
LARGEST = math.nextafter(math.inf, 0)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Condition = dict[str, Any]

NOTHING: Condition = {DOCUMENT: {"$exists": False}}
EVERYTHING: Condition = {DOCUMENT: {"$exists": True}}

OPPOSITE: Mapping[str, str] = {"gt": "lte", "gte": "lt", "lt": "gte", "lte": "gt"}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def document_key(document: DocumentId) -> str:
    return digest(document)


def indexed_fields(metadata: Metadata) -> dict[str, list[str] | float]:
    """What is kept of `metadata` with each record of its document."""
    kept: dict[str, list[str] | float] = {}
    for field, value in metadata.items():
        members = value if isinstance(value, list | tuple) else [value]
        typed: list[tuple[FieldKind, Scalar]] = [
            (kind_of(member), member)
            for member in members
            if isinstance(member, str | int | float | bool)
        ]
        if not typed:
            continue
        kept[_key("values", field)] = sorted({_token(kind, member) for kind, member in typed})
        for kind in ORDERED:
            found = [_position(kind, member) for each, member in typed if each == kind]
            ordered = [position for position in found if not math.isnan(position)]
            if ordered:
                kept[_key(f"{kind}_least", field)] = min(ordered)
                kept[_key(f"{kind}_most", field)] = max(ordered)
    return kept


def can_compare(test: Comparison) -> bool:
    """All but the order of texts, and of numbers and dates that a 64-bit float may round."""
    if test.operator not in OPPOSITE:
        return True
    return test.kind in ORDERED and abs(_position(test.kind, test.value)) < EXACT


def to_condition(filter: Filter) -> Condition:
    """The filter as Pinecone reads it. BadFilter for a comparison that `can_compare` denies."""
    return _compile(filter, wanted=True)


def _compile(filter: Filter, *, wanted: bool) -> Condition:
    """The condition under which `filter` holds, or does not; negation goes down to the leaves."""
    match filter:
        case And(clauses):
            return _join("$and" if wanted else "$or", clauses, wanted=wanted)
        case Or(clauses):
            return _join("$or" if wanted else "$and", clauses, wanted=wanted)
        case Not(clause):
            return _compile(clause, wanted=not wanted)
        case Documents(ids):
            keys = list(dict.fromkeys(document_key(document) for document in ids))
            if not keys:
                return NOTHING if wanted else EVERYTHING
            return {DOCUMENT: {"$in" if wanted else "$nin": keys}}
        case Related():
            raise AssertionError("a store without tables is given documents in their place")
        case Comparison():
            return _compare(filter, wanted=wanted)


def _join(operator: str, clauses: Sequence[Filter], *, wanted: bool) -> Condition:
    parts = [_compile(clause, wanted=wanted) for clause in clauses]
    if not parts:
        return EVERYTHING if operator == "$and" else NOTHING
    return parts[0] if len(parts) == 1 else {operator: parts}


def _compare(test: Comparison, *, wanted: bool) -> Condition:
    if test.operator == "exists":
        return {_key("values", test.field): {"$exists": bool(test.value) == wanted}}
    if test.operator in OPPOSITE:
        return _order(test, wanted=wanted)
    values = test.value if isinstance(test.value, tuple) else (test.value,)
    tokens = list(dict.fromkeys(_token(test.kind, value) for value in values))
    key = _key("values", test.field)
    if (test.operator in ("eq", "in")) == wanted:
        return {key: {"$in": tokens}} if tokens else NOTHING
    return _absent_or(key, {"$nin": tokens}) if tokens else EVERYTHING


def _order(test: Comparison, *, wanted: bool) -> Condition:
    if not can_compare(test):
        raise BadFilter(f"filter: Pinecone cannot order {test.field!r} by {test.value!r:.60}")
    end = "most" if test.operator in ("gt", "gte") else "least"
    key = _key(f"{test.kind}_{end}", test.field)
    position = _position(test.kind, test.value)
    if wanted:
        return {key: {f"${test.operator}": position}}
    return _absent_or(key, {f"${OPPOSITE[test.operator]}": position})


def _absent_or(key: str, condition: Condition) -> Condition:
    return {"$or": [{key: {"$exists": False}}, {key: condition}]}


def _key(role: str, field: str) -> str:
    return f"{role}_{digest(field)}"


def _token(kind: FieldKind, value: Scalar) -> str:
    match value:
        case bool():
            return f"b{value:d}"
        case int():
            # Hexadecimal, since Python refuses to write very long integers in decimals.
            return f"n{value:x}"
        case float():
            return f"n{int(value):x}" if value.is_integer() else f"n{value!r}"
        case str() if kind == "date":
            return f"d{_microseconds(value)}"
        case str() if len(value) <= LONGEST_TEXT and value.isprintable():
            return f"s{value}"
        case str():
            return f"h{hashlib.sha256(value.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _position(kind: FieldKind, value: Scalar | tuple[Scalar, ...]) -> float:
    """Where a value stands on the axis of its kind, rounded to a finite 64-bit float.

    Rounding keeps the order, so it cannot carry a value past one below EXACT.
    """
    if kind == "date":
        return float(_microseconds(str(value)))
    if isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            return LARGEST if value > 0 else -LARGEST
        return number if math.isnan(number) else max(-LARGEST, min(LARGEST, number))
    return math.nan


def _microseconds(date: str) -> int:
    moment = datetime.fromisoformat(normalise_date(date) or date)
    return (moment - EPOCH) // timedelta(microseconds=1)
