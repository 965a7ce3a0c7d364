"""A JSON Schema that an answer must fit, checked in bounded work.

Schemas come with requests: patterns are RE2's, nothing is fetched, and a check that takes more than
`MOST_STEPS` keywords is given up and fails. Source: JSON Schema, draft 2020-12.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import re2
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from bedplate.errors import InvalidInput

MOST_STEPS = 20_000
MOST_CHARACTERS = 100_000
"""Of a schema."""
MOST_DEPTH = 64
MOST_REPORTED = 5

_re2: Any = re2
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
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            where = "/".join(map(str, error.absolute_path)) or "its root"
            raise InvalidInput(
                f"{param}: no JSON Schema at {where}: {error.message[:200]}", param=param
            ) from error
        self._schema = dict(schema)
        self._check_patterns(param)

    def misfits(self, value: object) -> list[str]:
        """Where and how the value does not fit, at most `MOST_REPORTED`; empty where it does."""
        left = [MOST_STEPS]
        validator: Any = _bounded(left)(self._schema, registry=Registry())
        found: list[str] = []
        try:
            errors = cast(Iterator[ValidationError], validator.iter_errors(value))
            for error in errors:
                found.append(f"{error.json_path}: {_said(error)}")
                if len(found) == MOST_REPORTED:
                    break
        except (TooMuch, RecursionError):
            return [f"$: it takes more than {MOST_STEPS:,} steps to check"]
        except Unresolvable as error:
            return [f"$: the schema points to what it does not hold ({error.ref!r})"]
        return found

    def _check_patterns(self, param: str) -> None:
        for pattern in _patterns(self._schema):
            if pattern is None:
                raise InvalidInput(
                    f"{param}: unevaluatedProperties and unevaluatedItems are not checked here; use "
                    "additionalProperties or items.",
                    param=param,
                )
            try:
                _compiled(pattern)
            except _re2.error as error:
                raise InvalidInput(
                    f"{param}: the pattern {pattern!r} is none that RE2 reads.", param=param
                ) from error


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

    keywords: dict[str, _Keyword] = {**cast(Any, Draft202012Validator).VALIDATORS, **_PATTERNS}
    return cast(Any, extend)(
        Draft202012Validator, {name: counted(keyword) for name, keyword in keywords.items()}
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


def _patterns(schema: object) -> Iterator[str | None]:
    """Every pattern; None for a keyword that would match them its own way."""
    if isinstance(schema, dict):
        for name, inner in cast(dict[str, Any], schema).items():
            if name in ("unevaluatedProperties", "unevaluatedItems"):
                yield None
            if name == "pattern" and isinstance(inner, str):
                yield inner
            if name == "patternProperties" and isinstance(inner, dict):
                yield from cast(dict[str, Any], inner)
            yield from _patterns(inner)
    elif isinstance(schema, list):
        for inner in cast(list[object], schema):
            yield from _patterns(inner)


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
