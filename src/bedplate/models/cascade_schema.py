"""Whether a value fits a JSON Schema, by the keywords that structured outputs use.

Work is bounded, as schemas come with requests: what takes more steps, or more depth, is not held
against the value, and neither is a keyword that is not known here. Patterns are RE2's.
Source: JSON Schema, draft 2020-12, "Validation".
"""

from collections.abc import Iterator, Mapping
from typing import Any, cast

import re2

MOST_STEPS = 20_000
MOST_DEPTH = 64
MOST_PATTERN = 1_000

_re2: Any = re2

TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


class TooMuch(Exception):
    """Checking it would take more than the bounds."""


def misfit(value: object, schema: Mapping[str, Any]) -> str | None:
    """Where and how the value does not fit, or None."""
    try:
        return Fitting(schema).misfit(value, schema, "$", 0)
    except (TooMuch, RecursionError):
        return None


class Fitting:
    """One check of one value; `root` is where references begin."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._left = MOST_STEPS

    def misfit(self, value: object, schema: object, place: str, depth: int) -> str | None:
        self._left -= 1
        if self._left < 0 or depth > MOST_DEPTH:
            raise TooMuch
        if schema is False:
            return f"{place} must not be there"
        if not isinstance(schema, dict):
            return None
        rules = cast(dict[str, Any], schema)
        found = _wrong_value(value, rules, place)
        if found is None:
            found = next(filter(None, self._inside(value, rules, place, depth + 1)), None)
        return found

    def _inside(
        self, value: object, rules: Mapping[str, Any], place: str, depth: int
    ) -> Iterator[str | None]:
        if isinstance(reference := rules.get("$ref"), str):
            yield self.misfit(value, self._at(reference), place, depth)
        for one in _listed(rules.get("allOf")):
            yield self.misfit(value, one, place, depth)
        for key in ("anyOf", "oneOf"):
            choices = _listed(rules.get(key))
            if choices and all(self.misfit(value, one, place, depth) for one in choices):
                yield f"{place} fits none of {key}"
        if isinstance(value, dict):
            yield from self._members(cast(dict[str, Any], value), rules, place, depth)
        if isinstance(value, list):
            items = cast(list[object], value)
            for at, item in enumerate(items):
                yield self.misfit(item, rules.get("items"), f"{place}[{at}]", depth)

    def _members(
        self, value: Mapping[str, object], rules: Mapping[str, Any], place: str, depth: int
    ) -> Iterator[str | None]:
        own = rules.get("properties")
        known = cast(dict[str, Any], own) if isinstance(own, dict) else {}
        for name in _listed(rules.get("required")):
            if isinstance(name, str) and name not in value:
                yield f"{place}.{name} is missing"
        rest = None if "patternProperties" in rules else rules.get("additionalProperties")
        for name, member in value.items():
            yield self.misfit(member, known.get(name, rest), f"{place}.{name}", depth)

    def _at(self, reference: str) -> object:
        """What a reference within the schema points to; nothing is ever fetched."""
        if not reference.startswith("#"):
            return None
        found: object = self._root
        for part in reference.removeprefix("#").split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            found = cast(dict[str, object], found).get(name) if isinstance(found, dict) else None
        return found


def _listed(value: object) -> list[Any]:
    return cast(list[Any], value) if isinstance(value, list) else []


def _wrong_value(value: object, rules: Mapping[str, Any], place: str) -> str | None:
    """By the keywords that look at one value alone."""
    wanted = rules.get("type")
    names = _listed(wanted) or ([wanted] if isinstance(wanted, str) else [])
    if names and not any(_is(value, name) for name in names):
        return f"{place} is no {' or '.join(map(str, names))}"
    if "enum" in rules and not any(_same(value, one) for one in _listed(rules["enum"])):
        return f"{place} is none of the values allowed"
    if "const" in rules and not _same(value, rules["const"]):
        return f"{place} is not the value wanted"
    if isinstance(value, str):
        return _wrong_size(len(value), rules, "Length", place) or _wrong_text(value, rules, place)
    if isinstance(value, list):
        return _wrong_size(len(cast(list[object], value)), rules, "Items", place)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _wrong_number(value, rules, place)
    return None


def _is(value: object, name: object) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if isinstance(value, float) and name == "integer":
        return value.is_integer()
    return isinstance(name, str) and isinstance(value, TYPES.get(name, (object,)))


def _same(one: object, other: object) -> bool:
    return one == other and isinstance(one, bool) is isinstance(other, bool)


def _number(rules: Mapping[str, Any], key: str) -> float | None:
    value = rules.get(key)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _wrong_size(size: int, rules: Mapping[str, Any], what: str, place: str) -> str | None:
    least, most = _number(rules, f"min{what}"), _number(rules, f"max{what}")
    if least is not None and size < least:
        return f"{place} is too short"
    return f"{place} is too long" if most is not None and size > most else None


def _wrong_number(value: float, rules: Mapping[str, Any], place: str) -> str | None:
    least, most = _number(rules, "minimum"), _number(rules, "maximum")
    above, below = _number(rules, "exclusiveMinimum"), _number(rules, "exclusiveMaximum")
    if (least is not None and value < least) or (above is not None and value <= above):
        return f"{place} is too small"
    if (most is not None and value > most) or (below is not None and value >= below):
        return f"{place} is too large"
    return None


def _wrong_text(value: str, rules: Mapping[str, Any], place: str) -> str | None:
    pattern = rules.get("pattern")
    if not isinstance(pattern, str) or len(pattern) > MOST_PATTERN:
        return None
    options = _re2.Options()
    options.log_errors = False
    try:
        found = _re2.search(pattern, value.encode("utf-8", "replace").decode(), options)
    except _re2.error:
        return None
    return None if found else f"{place} does not have the form wanted"
