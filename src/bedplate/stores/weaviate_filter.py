"""Metadata as opaque terms, and filters over them in Weaviate's filter language.

A Weaviate collection has a fixed schema and metadata has none, so every fact of a document becomes
a term in one list: that a field is there, that it has a value, and, of numbers and dates, each
prefix of a key whose text order is the order of the values. A range is then the terms of at most
fifteen subtrees a digit, as in Schindler and Diepenbroek 2008, "Generic XML-based framework for
metadata portals", Computers & Geosciences 34(12). Terms are hashes: nothing that a document or a
caller writes reaches a name or a query, and Weaviate's tokenisers have nothing to take apart.
"""

import hashlib
import math
import struct
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from weaviate.classes.query import Filter as Where
from weaviate.collections.classes.filters import FilterReturn

from bedplate.domain.documents import Metadata, Scalar
from bedplate.domain.filters import (
    And,
    Comparison,
    Documents,
    FieldKind,
    Filter,
    Not,
    Operator,
    Or,
    Related,
    kind_of,
    normalise_date,
)

DOCUMENT = "document"
FACTS = "facts"

_DIGITS = "0123456789abcdef"
_TERM_BYTES = 12
_ORDERINGS = frozenset({"gt", "gte", "lt", "lte"})
# From here on not every integer is a double.
_EXACT_BELOW = 2.0**53
_FIRST_MOMENT = datetime(1, 1, 1, tzinfo=UTC)
_NOBODY = "nobody"


def term(*parts: str) -> str:
    """24 hexadecimal digits that stand for just these parts, in this order."""
    digest = hashlib.blake2b(digest_size=_TERM_BYTES)
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.hexdigest()


def facts(metadata: Metadata) -> list[str]:
    """Every term that a filter may ask a document for, in order."""
    return sorted({fact for field in metadata for fact in _facts_of(field, metadata)})


def compares(comparison: Comparison) -> bool:
    """Whether the terms decide it exactly: not the order of texts, nor that of huge numbers."""
    if comparison.operator not in _ORDERINGS:
        return True
    if comparison.kind == "number":
        return abs(float(cast(float, comparison.value))) < _EXACT_BELOW
    return comparison.kind == "date"


def compile_filter(filter: Filter) -> FilterReturn:
    match filter:
        case And(clauses) | Or(clauses):
            parts = [compile_filter(clause) for clause in clauses]
            if not parts:
                nobody = _any_of(FACTS, ())
                return Where.not_(nobody) if isinstance(filter, And) else nobody
            return Where.all_of(parts) if isinstance(filter, And) else Where.any_of(parts)
        case Not(clause):
            return Where.not_(compile_filter(clause))
        case Documents(ids):
            return of_documents(ids)
        case Related():
            raise AssertionError("a store without tables is given documents in their place")
        case Comparison():
            return _compile_comparison(filter)


def of_documents(ids: Sequence[str]) -> FilterReturn:
    return _any_of(DOCUMENT, [term(DOCUMENT, name) for name in ids])


def _compile_comparison(test: Comparison) -> FilterReturn:
    field, kind = test.field, test.kind
    match test.operator:
        case "exists":
            there = _any_of(FACTS, [_present(field)])
            return there if test.value else Where.not_(there)
        case "eq" | "ne" | "in" | "nin":
            members = test.value if isinstance(test.value, tuple) else (test.value,)
            equal = _any_of(FACTS, [_equal(field, kind, member) for member in members])
            return equal if test.operator in ("eq", "in") else Where.not_(equal)
        case "gt" | "gte" | "lt" | "lte":
            key = _sort_key(kind, cast(float | str, test.value))
            return _any_of(
                FACTS, [_prefix(field, kind, each) for each in _subtrees(key, test.operator)]
            )


def _any_of(name: str, terms: Sequence[str]) -> FilterReturn:
    """No term at all passes nothing, which Weaviate has no empty list for."""
    target = Where.by_property(name)
    if len(terms) < 2:
        return target.equal(terms[0] if terms else _NOBODY)
    return target.contains_any(list(terms))


def _subtrees(key: str, operator: Operator) -> Iterator[str]:
    """The prefixes that hold all keys on one side of `key`."""
    if operator in ("gte", "lte"):
        yield key
    for place, digit in enumerate(key):
        here = _DIGITS.index(digit)
        beyond = _DIGITS[:here] if operator in ("lt", "lte") else _DIGITS[here + 1 :]
        for other in beyond:
            yield key[:place] + other


def _facts_of(field: str, metadata: Metadata) -> Iterator[str]:
    value = metadata[field]
    members = value if isinstance(value, list | tuple) else [value]
    for member in members:
        # What the catalog takes for a value, and as which.
        if not isinstance(member, str | int | float | bool):
            continue
        if isinstance(member, float) and math.isnan(member):
            continue
        kind, exact = kind_of(member), _exact(member)
        yield _present(field)
        yield _equal(field, kind, exact)
        if kind in ("number", "date"):
            key = _sort_key(kind, exact)
            for length in range(1, len(key) + 1):
                yield _prefix(field, kind, key[:length])


def _exact(value: Scalar) -> Scalar:
    if isinstance(value, str):
        return normalise_date(value) or value
    return float(value) if abs(value) >= 2**63 else value


def _present(field: str) -> str:
    return term("present", field)


def _equal(field: str, kind: FieldKind, value: Scalar) -> str:
    """Numbers are equal as Python and SQL compare them: 1 and 1.0 are, 2**53 and 2**53 + 1 not."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return term("equal", kind, field, str(value))


def _prefix(field: str, kind: FieldKind, prefix: str) -> str:
    return term("prefix", kind, field, prefix)


def _sort_key(kind: FieldKind, value: Scalar) -> str:
    """Hexadecimal digits, always as many of one kind, in the order of the values."""
    if kind == "date":
        since = datetime.fromisoformat(str(value)) - _FIRST_MOMENT
        return f"{since // timedelta(microseconds=1):015x}"
    # Adding zero makes -0.0 and 0.0 the same.
    (bits,) = struct.unpack(">Q", struct.pack(">d", float(value) + 0.0))
    # IEEE 754: positive doubles are ordered as their bits are, negative ones the other way.
    return f"{bits ^ (2**64 - 1 if bits >> 63 else 1 << 63):016x}"
