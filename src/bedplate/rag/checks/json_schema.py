"""A JSON Schema that an answer must fit, checked in bounded work.

Schemas come with requests: patterns are RE2's, nothing is fetched, and a check that takes more than
`MOST_STEPS` keywords is given up and fails. Source: JSON Schema, draft 2020-12.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast
from urllib.parse import unquote

import jsonschema.validators
import re2
from jsonschema.exceptions import SchemaError, ValidationError

from bedplate.errors import InvalidInput

MOST_STEPS = 10_000
MOST_CHARACTERS = 100_000
"""Of a schema."""
MOST_DEPTH = 64
MOST_REPORTED = 5

_LEFT_OUT = frozenset(
    {"$anchor", "$dynamicRef", "$recursiveRef", "unevaluatedItems", "unevaluatedProperties"}
)
"""Keywords that refer in other ways, or match patterns in one of their own."""

_re2: Any = re2
_validators: Any = jsonschema.validators
_Keyword = Callable[..., Any]


class TooMuch(Exception):
    """Checking it would take more than the bounds."""


class AnswerSchema:
    """InvalidInput for a schema that is none, is too large, or points outside of itself."""

    def __init__(self, schema: Mapping[str, Any], *, param: str) -> None:
        if len(json.dumps(schema)) > MOST_CHARACTERS or _depth(schema, MOST_DEPTH) > MOST_DEPTH:
            raise InvalidInput(
                f"{param}: the schema has more than {MOST_CHARACTERS:,} characters or "
                f"{MOST_DEPTH} levels.",
                param=param,
            )
        try:
            _validators.Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            where = "/".join(map(str, error.absolute_path)) or "its root"
            raise InvalidInput(
                f"{param}: no JSON Schema at {where}: {error.message[:200]}", param=param
            ) from error
        self._schema = dict(schema)
        for problem in _unusable(self._schema, self._schema):
            raise InvalidInput(f"{param}: {problem}", param=param)

    @property
    def listed(self) -> frozenset[str]:
        """The texts and numbers that it gives to choose from, by `enum` and `const`."""
        return frozenset(_listed(self._schema))

    def misfits(self, value: object) -> list[str]:
        """Where and how the value does not fit, at most `MOST_REPORTED`; empty where it does."""
        left = [MOST_STEPS]
        validator: Any = _bounded(left)(self._schema)
        found: list[str] = []
        try:
            errors = cast(Iterator[ValidationError], validator.iter_errors(value))
            for error in errors:
                found.append(f"{error.json_path}: {_said(error)}")
                if len(found) == MOST_REPORTED:
                    break
        except (TooMuch, RecursionError):
            return [f"$: it takes more than {MOST_STEPS:,} steps to check"]
        return found


def _said(error: ValidationError) -> str:
    """Without the value, which may be long: what is wrong with it."""
    kind = str(error.validator)
    if kind == "required":
        return error.message
    if kind == "additionalProperties":
        return "has members that the schema does not name"
    limit = json.dumps(error.validator_value, default=str)
    return f"does not meet {kind} {limit if len(limit) <= 200 else 'of the schema'}"


def _bounded(left: list[int]) -> Any:
    """The validator's class with every keyword counted, and patterns in linear time."""

    def counted(keyword: _Keyword) -> _Keyword:
        def run(validator: Any, given: Any, value: Any, schema: Any) -> Iterator[Any]:
            left[0] -= 1
            if left[0] < 0:
                raise TooMuch
            yield from keyword(validator, given, value, schema) or ()

        return run

    keywords: dict[str, _Keyword] = {**_validators.Draft202012Validator.VALIDATORS, **_PATTERNS}
    return _validators.extend(
        _validators.Draft202012Validator,
        {name: counted(keyword) for name, keyword in keywords.items()},
    )


def _pattern(_validator: Any, given: str, value: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(value, str) and not _compiled(given).search(_whole(value)):
        yield ValidationError("does not match")


def _pattern_properties(
    validator: Any, given: Mapping[str, Any], value: Any, _schema: Any
) -> Iterator[ValidationError]:
    if not isinstance(value, dict):
        return
    for pattern, schema in given.items():
        for name, member in cast(dict[str, Any], value).items():
            if _compiled(pattern).search(_whole(name)):
                yield from validator.descend(member, schema, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, given: Any, value: Any, schema: Mapping[str, Any]
) -> Iterator[ValidationError]:
    if not isinstance(value, dict):
        return
    known: Mapping[str, Any] = schema.get("properties", {})
    patterns = [_compiled(each) for each in schema.get("patternProperties", {})]
    for name, member in cast(dict[str, Any], value).items():
        if name in known or any(each.search(_whole(name)) for each in patterns):
            continue
        if given is False:
            yield ValidationError("has members that the schema does not name")
        elif given is not True:
            yield from validator.descend(member, given, path=name)


_PATTERNS: Mapping[str, _Keyword] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
}
"""The keywords that match patterns, which jsonschema gives to Python's backtracking ones."""


def _compiled(pattern: str) -> Any:
    options = _re2.Options()
    options.log_errors = False
    return _re2.compile(pattern, options)


def _whole(text: str) -> str:
    """Without halves of surrogate pairs, which RE2 cannot be given."""
    return text.encode("utf-8", "replace").decode()


def _unusable(schema: object, root: Mapping[str, Any]) -> Iterator[str]:
    """What of it cannot be checked here, in words."""
    if isinstance(schema, list):
        for inner in cast(list[object], schema):
            yield from _unusable(inner, root)
    if not isinstance(schema, dict):
        return
    for name, inner in cast(dict[str, Any], schema).items():
        if name in _LEFT_OUT or (name == "$id" and schema is not root):
            yield f"{name} is not checked here: leave it out."
        if name == "pattern" and isinstance(inner, str):
            yield from _bad_pattern(inner)
        if name == "patternProperties" and isinstance(inner, dict):
            for pattern in cast(dict[str, Any], inner):
                yield from _bad_pattern(pattern)
        if name == "$ref" and isinstance(inner, str) and not _is_held(inner, root):
            yield f"the schema refers to {inner!r}, which it does not hold."
        yield from _unusable(cast(object, inner), root)


def _listed(schema: object) -> Iterator[str]:
    if isinstance(schema, list):
        for inner in cast(list[object], schema):
            yield from _listed(inner)
    if not isinstance(schema, dict):
        return
    for name, inner in cast(dict[str, object], schema).items():
        if name == "enum" and isinstance(inner, list):
            yield from map(str, cast(list[object], inner))
        if name == "const":
            yield str(cast(object, inner))
        yield from _listed(cast(object, inner))


def _bad_pattern(pattern: str) -> Iterator[str]:
    try:
        _compiled(pattern)
    except _re2.error:
        yield f"the pattern {pattern!r} is none that RE2 reads."


def _is_held(reference: str, root: Mapping[str, Any]) -> bool:
    """Whether it points to a place within; nothing is ever fetched."""
    if reference != "#" and not reference.startswith("#/"):
        return False
    found: object = root
    for part in reference.split("/")[1:]:
        name = unquote(part).replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and name.isdigit():
            members = cast(list[object], found)
            found = members[int(name)] if int(name) < len(members) else None
        else:
            found = cast(dict[str, object], found).get(name) if isinstance(found, dict) else None
    return isinstance(found, dict | bool)


def _depth(value: object, most: int) -> int:
    """How deep it is nested, or one more than `most`."""
    level, depth = [value], 0
    while level and depth <= most:
        inner: list[object] = []
        for each in level:
            if isinstance(each, dict):
                inner += cast(dict[str, object], each).values()
            elif isinstance(each, list):
                inner += cast(list[object], each)
        level, depth = inner, depth + 1
    return depth
