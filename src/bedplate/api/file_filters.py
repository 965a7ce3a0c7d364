"""Filters of files in OpenAI's notation, as our own. Source: its API reference, "filters"."""

from collections.abc import Mapping
from typing import Any, cast

from bedplate.api.reading import kind, wrong

COMPARISONS = frozenset({"eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"})
COMPOUNDS = frozenset({"and", "or"})
DEEPEST = 16
COMPARABLE = "expected string, number, boolean or a list of these"


def is_comparable(value: Any) -> bool:
    """Whether an attribute may be compared with it: objects and null are not."""
    members = cast(list[Any], value) if isinstance(value, list) else [value]
    return all(isinstance(member, str | int | float) for member in members)


def read_file_filter(given: Any, where: str, depth: int = 1) -> Mapping[str, Any]:
    """`{"type": "eq", "key": "city", "value": "Oslo"}` and "and", "or" of such.

    Keys and values are checked by the search, against the collection.
    """
    if not isinstance(given, dict):
        raise wrong(where, f"expected object, got {kind(given)}")
    if depth > DEEPEST:
        raise wrong(where, f"nested deeper than {DEEPEST}")
    raw = cast(dict[str, Any], given)
    type = raw.get("type")
    if isinstance(type, str) and type in COMPOUNDS:
        inner = raw.get("filters")
        if not isinstance(inner, list) or not inner:
            raise wrong(f"{where}.filters", "expected a list of filters")
        parts = [
            read_file_filter(each, f"{where}.filters.{at}", depth + 1)
            for at, each in enumerate(cast(list[Any], inner))
        ]
        return {f"${type}": parts}
    if not isinstance(type, str) or type not in COMPARISONS:
        known = ", ".join(sorted(COMPARISONS | COMPOUNDS))
        raise wrong(f"{where}.type", f"expected one of {known}, got {type!r:.100}")
    key = raw.get("key")
    if not isinstance(key, str) or not key or key.startswith("$"):
        raise wrong(f"{where}.key", f"expected the name of an attribute, got {key!r:.100}")
    if "value" not in raw:
        raise wrong(f"{where}.value", "is required")
    if not is_comparable(raw["value"]):
        raise wrong(f"{where}.value", f"{COMPARABLE}, got {kind(raw['value'])}")
    return {key: {f"${type}": raw["value"]}}
