"""JSON Schemas that clients send: refused by the path of what no validator could take.

Source: json-schema.org, drafts 7 and 2020-12, of which keywords that are not known are let through.
"""

import re
from collections.abc import Mapping
from typing import Any, cast

from bedplate.api.reading import kind, wrong

DEEPEST = 100
MOST_PARTS = 20_000
TYPES = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})
ONE = frozenset(
    {"items", "additionalItems", "contains", "additionalProperties", "unevaluatedItems",
     "unevaluatedProperties", "propertyNames", "not", "if", "then", "else"}
)  # fmt: skip
"""Keywords that hold a schema."""

NAMED = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
"""Those that hold schemas by name."""

LISTED = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
TEXTS = frozenset({"$ref", "$id", "$schema", "title", "description", "format", "pattern"})


def check_schema(schema: Mapping[str, Any], where: str) -> None:
    """InvalidInput that names the part at fault."""
    # Not by calls of itself: how deep it goes is the client's to say.
    left: list[tuple[Any, str, int]] = [(schema, where, 0)]
    seen = 0
    while left:
        part, at, depth = left.pop()
        seen += 1
        if seen > MOST_PARTS or depth > DEEPEST:
            raise wrong(where, f"a schema has at most {MOST_PARTS:,} parts, {DEEPEST} deep")
        if isinstance(part, bool):
            continue
        if not isinstance(part, dict):
            raise wrong(at, f"expected a schema, got {kind(part)}")
        for name, value in cast(dict[str, Any], part).items():
            left += [(inner, place, depth + 1) for inner, place in _parts(name, value, at)]


def _parts(name: str, value: Any, at: str) -> list[tuple[Any, str]]:
    """The schemas that a keyword holds."""
    place = f"{at}.{name}"
    if name in ONE:
        # Draft 7 has lists of items, too.
        if name == "items" and isinstance(value, list):
            return [(each, f"{place}.{i}") for i, each in enumerate(cast(list[Any], value))]
        return [(value, place)]
    if name in NAMED:
        if not isinstance(value, dict):
            raise wrong(place, f"expected object, got {kind(value)}")
        return [(each, f"{place}.{key}") for key, each in cast(dict[str, Any], value).items()]
    if name in LISTED:
        if not isinstance(value, list) or not value:
            raise wrong(place, f"expected a list of schemas, got {kind(value)}")
        return [(each, f"{place}.{i}") for i, each in enumerate(cast(list[Any], value))]
    _check(name, value, place)
    return []


def _check(name: str, value: Any, place: str) -> None:
    if name == "type":
        named = cast(list[Any], value) if isinstance(value, list) else [value]
        unknown = [each for each in named if not isinstance(each, str) or each not in TYPES]
        if unknown or not named:
            said = repr(unknown[0]) if unknown else "nothing"
            raise wrong(place, f"expected one of {', '.join(sorted(TYPES))}, got {said:.100}")
    elif name == "required":
        if not isinstance(value, list) or not all(
            isinstance(each, str) for each in cast(list[Any], value)
        ):
            raise wrong(place, "expected a list of names")
    elif name == "enum":
        if not isinstance(value, list):
            raise wrong(place, f"expected list, got {kind(value)}")
    elif name in TEXTS and not isinstance(value, str):
        raise wrong(place, f"expected string, got {kind(value)}")
    elif name == "pattern":
        try:
            re.compile(value)
        except re.error as error:
            raise wrong(place, f"is no regular expression: {error}") from error
