"""Filters of files in OpenAI's notation, as our own.

OpenAI's speak of attributes that no file need have; ours refuse a field that no document has, as it
is most likely misspelt. So what is said of such a key is decided here: nothing equals what is not
there, and anything differs from it. Source: OpenAI API reference, "Comparison filter" and "Compound filter".
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from bedplate.errors import BadFilter

COMPARISONS = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "nin")
NEGATIVE = ("$ne", "$nin")
DEEPEST = 16
COMPARABLE = "expected string, number, boolean or a list of these"

Filter = Mapping[str, Any]


def is_comparable(value: Any) -> bool:
    """Whether an attribute may be compared with it: objects and null are not."""
    members = cast(list[Any], value) if isinstance(value, list) else [value]
    return all(isinstance(member, str | int | float) for member in members)


def read_file_filter(given: Any, where: str, depth: int = 1) -> Filter:
    """`{"type": "eq", "key": "city", "value": "Oslo"}` and "and", "or" of such.

    BadFilter for what is none. Values are checked by the search, against the collection.
    """
    if depth > DEEPEST:
        raise _wrong(where, f"nested deeper than {DEEPEST}")
    if not isinstance(given, Mapping):
        raise _wrong(where, "expected an object")
    raw = cast(Mapping[str, Any], given)
    type = raw.get("type")
    if type in ("and", "or"):
        inner = raw.get("filters")
        if not isinstance(inner, list) or not inner:
            raise _wrong(f"{where}.filters", "expected a list of filters")
        parts = [
            read_file_filter(each, f"{where}.filters.{at}", depth + 1)
            for at, each in enumerate(cast(list[Any], inner))
        ]
        return {f"${type}": parts}
    if type not in COMPARISONS:
        known = ", ".join(("and", "or", *COMPARISONS))
        raise _wrong(f"{where}.type", f"{type!r:.100} is unknown; it is one of {known}")
    key = raw.get("key")
    if not isinstance(key, str) or not key or key.startswith("$"):
        raise _wrong(f"{where}.key", f"expected the name of an attribute, got {key!r:.100}")
    if "value" not in raw:
        raise _wrong(f"{where}.value", "is required")
    if not is_comparable(raw["value"]):
        raise _wrong(f"{where}.value", COMPARABLE)
    return {key: {f"${type}": raw["value"]}}


def settled(filter: Filter, fields: Collection[str]) -> Filter | bool:
    """The filter for documents with these fields, or what it comes to for every one of them."""
    [(key, said)] = filter.items()
    if key in ("$and", "$or"):
        return _compound(key, said, fields)
    return filter if key in fields else next(iter(said)) in NEGATIVE


def _compound(key: str, parts: Sequence[Filter], fields: Collection[str]) -> Filter | bool:
    read = [settled(part, fields) for part in parts]
    # One of these decides the whole; the other says nothing.
    deciding = key == "$or"
    if any(each is deciding for each in read):
        return deciding
    left = [each for each in read if not isinstance(each, bool)]
    return {key: left} if left else not deciding


def _wrong(at: str, what: str) -> BadFilter:
    return BadFilter(f"{at}: {what}.", param=at)
