"""OpenAI's filters as ours.

OpenAI's speak of attributes that no file need have; ours refuse a field that no document has, as it
is most likely misspelt. So what is said of such a key is decided here: nothing equals what is not
there, and anything differs from it. Source: OpenAI API reference, "Comparison filter" and "Compound filter".
"""

from collections.abc import Collection, Mapping
from typing import Any, cast

from bedplate.api.file_filters import COMPARABLE, is_comparable
from bedplate.errors import BadFilter

COMPARISONS = ("eq", "ne", "gt", "gte", "lt", "lte", "in", "nin")
NEGATIVE = frozenset({"ne", "nin"})
MAX_DEPTH = 16

Read = Mapping[str, object] | bool
"""A filter in our JSON notation, or what it comes to for every document."""


def read_filters(filters: Mapping[str, Any], fields: Collection[str]) -> Read:
    """BadFilter for what is no filter of OpenAI's."""
    return _read(filters, fields, "filters", 1)


def _read(given: object, fields: Collection[str], at: str, depth: int) -> Read:
    if depth > MAX_DEPTH:
        raise _wrong(at, f"nested deeper than {MAX_DEPTH}")
    if not isinstance(given, Mapping):
        raise _wrong(at, "expected an object")
    filter = cast(Mapping[str, Any], given)
    type = filter.get("type")
    if type in ("and", "or"):
        return _compound(filter, fields, at, depth)
    if type not in COMPARISONS:
        known = ", ".join(("and", "or", *COMPARISONS))
        raise _wrong(f"{at}.type", f"{type!r} is unknown; it is one of {known}")
    key = filter.get("key")
    if not isinstance(key, str) or "value" not in filter:
        raise _wrong(at, "a comparison needs key and value")
    if not is_comparable(filter["value"]):
        raise _wrong(f"{at}.value", COMPARABLE)
    if key not in fields:
        return type in NEGATIVE
    return {key: {f"${type}": filter["value"]}}


def _compound(filter: Mapping[str, Any], fields: Collection[str], at: str, depth: int) -> Read:
    parts = filter.get("filters")
    if not isinstance(parts, list) or not parts:
        raise _wrong(f"{at}.filters", "expected a list of filters")
    read = [
        _read(part, fields, f"{at}.filters.{number}", depth + 1)
        for number, part in enumerate(cast(list[object], parts))
    ]
    # One of these decides the whole; the other says nothing.
    deciding = filter["type"] == "or"
    if any(each is deciding for each in read):
        return deciding
    left = [each for each in read if not isinstance(each, bool)]
    return {f"${filter['type']}": left} if left else not deciding


def _wrong(at: str, what: str) -> BadFilter:
    return BadFilter(f"{at}: {what}.", param=at)
