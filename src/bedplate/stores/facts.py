"""Metadata as a set of numbers, so that every filter is a question of membership.

For engines whose own typed metadata means something else than `Comparison` does: what they do with
lists, with missing values under NOT, and with large integers differs. Each value of a document
becomes facts, 63-bit hashes of field, kind and value, and a comparison is the question whether a
document has any of some facts. Nothing that a caller wrote reaches the engine.

Ranges are the same question, after the numeric range queries of Schindler and Diepenbroek 2008,
"Generic XML-based framework for metadata portals": a number is written with 16 to 19 hexadecimal
digits whose order is its own, each of its beginnings is a fact, and all numbers beyond a bound
begin in one of at most 15 ways per digit.

Two facts share a number once in nine quintillion pairs; BLAKE2b (RFC 7693) makes the numbers.
"""

import math
import struct
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import cast

from bedplate.domain.documents import Metadata, Scalar
from bedplate.domain.filters import Comparison, FieldKind, kind_of, normalise_date

ORDERED = frozenset({"gt", "gte", "lt", "lte"})
DIGITS = "0123456789abcdef"
# Integers from here on are further apart as floats than as integers.
INEXACT = 2.0**53
FIRST_DAY = datetime.min.replace(tzinfo=UTC)


def facts_of(metadata: Metadata) -> list[int]:
    """All facts of one document, ascending."""
    found: set[int] = set()
    for field, value in metadata.items():
        members = cast(Sequence[Scalar], value if isinstance(value, list | tuple) else [value])
        typed = [_typed(member) for member in members if _is_indexable(member)]
        if typed:
            found.add(_fact("exists", field, ""))
        kept: dict[FieldKind, set[str]] = {}
        for kind, member in typed:
            kept.setdefault(kind, set()).add(_key(kind, member))
        for kind, keys in kept.items():
            found.update(_fact(kind, field, key) for key in keys)
            if kind in ("number", "date"):
                # Any member is beyond a bound if the least or the greatest is.
                bounds = {min(keys), max(keys)}
                found.update(_fact(kind, field, key[:n]) for key in bounds for n in _lengths(key))
    return sorted(found)


def compares(comparison: Comparison) -> bool:
    """Whether facts can tell: all but the order of texts."""
    return not (comparison.operator in ORDERED and comparison.kind == "string")


def facts_wanted(comparison: Comparison) -> tuple[list[int], bool]:
    """A document passes if it has any of these facts; or, where True is added, none of them."""
    field, kind, value = comparison.field, comparison.kind, comparison.value
    match comparison.operator:
        case "exists":
            return [_fact("exists", field, "")], not value
        case "eq" | "ne" | "in" | "nin":
            members = value if isinstance(value, tuple) else (value,)
            facts = {_fact(kind, field, _key(kind, member)) for member in members}
            return sorted(facts), comparison.operator in ("ne", "nin")
        case operator:
            key = _key(kind, cast(Scalar, value))
            beyond = [
                _fact(kind, field, start) for start in _beyond(key, above=operator[:2] == "gt")
            ]
            return sorted([*beyond, *[_fact(kind, field, key)] * operator.endswith("e")]), False


def _is_indexable(value: Scalar | None) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def _typed(value: Scalar) -> tuple[FieldKind, Scalar]:
    kind = kind_of(value)
    if kind == "date":
        return kind, normalise_date(str(value)) or value
    return kind, value


def _key(kind: FieldKind, value: Scalar) -> str:
    """Text that two values of a kind share if they are equal; of numbers and dates in order."""
    match kind:
        case "number":
            return _number_key(cast(float, value))
        case "date":
            passed = datetime.fromisoformat(str(value)) - FIRST_DAY
            return f"{passed // timedelta(microseconds=1):015x}"
        case "string" | "boolean":
            return str(value)


def _number_key(value: float) -> str:
    """The bits of the nearest float, so that they count up; then how far an integer is from it.

    64-bit integers and floats are thus told apart exactly. Larger ones count as their float.
    """
    nearest = float(value)
    (bits,) = struct.unpack(">Q", struct.pack(">d", nearest + 0.0))
    bits ^= 0xFFFF_FFFF_FFFF_FFFF if bits >> 63 else 1 << 63
    if abs(nearest) < INEXACT:
        return f"{bits:016x}"
    exact = isinstance(value, int) and abs(value) < 2**63
    rest = int(value) - int(nearest) if exact else 0
    return f"{bits:016x}{rest + 0x800:03x}"


def _lengths(key: str) -> range:
    return range(1, len(key) + 1)


def _beyond(key: str, *, above: bool) -> Iterator[str]:
    """How the keys of the same length that lie above (or below) `key` begin."""
    for place, digit in enumerate(key):
        at = DIGITS.index(digit)
        for other in DIGITS[at + 1 :] if above else DIGITS[:at]:
            yield key[:place] + other


def _fact(kind: str, field: str, key: str) -> int:
    name = field.encode("utf-8", "surrogatepass")
    start = f"{kind} {len(name)} ".encode()
    digest = blake2b(start + name + key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
