"""What a model gave as arguments, held against the tool's schema, and said back so that it can mend it."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import re2
from jsonschema import Draft202012Validator, SchemaError, ValidationError, validators
from referencing import Registry
from referencing.exceptions import Unresolvable

from bedplate.errors import InvalidInput
from bedplate.tools.wordings import mapping, shown, told, wanted

MOST_PROBLEMS = 5
MOST_CHARACTERS = 1_000_000
MOST_DEPTH = 64


def _pattern(
    _validator: object, pattern: str, instance: object, _schema: object
) -> Iterator[ValidationError]:
    """By RE2: a schema comes from outside, and Python's engine can be made to take for ever.

    A pattern that RE2 does not read is the tool's own to check.
    """
    if not isinstance(instance, str):
        return
    try:
        found = re2.search(pattern, instance)
    except re2.error:
        return
    if found is None:
        yield ValidationError(f"{shown(instance)} does not match {pattern!r}")


_Validator: Any = cast(Any, validators).extend(
    Draft202012Validator, {"pattern": _pattern, "patternProperties": None}
)


class Arguments:
    """The schema of one tool's arguments. References outside it are never fetched."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        """InvalidInput for what is no JSON Schema of an object."""
        schema = {"type": "object", **parameters}
        if schema["type"] != "object":
            raise InvalidInput(f"arguments must be an object, not {shown(schema['type'])}.")
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            where = "/".join(map(str, error.absolute_path)) or "it"
            raise InvalidInput(f"no JSON Schema: {where}: {error.message[:300]}.") from error
        except (RecursionError, re.error) as error:
            raise InvalidInput("no JSON Schema: it cannot be read.") from error
        self._schema = schema
        self._validator: Any = _Validator(schema, registry=cast(Any, Registry)())

    def problems(self, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """What does not fit: path, value and what would be right; empty where all does."""
        if not _is_json(arguments):
            return (f"arguments: nested deeper than {MOST_DEPTH}, or holding what is no JSON",)
        found: list[str] = []
        try:
            for error in self._validator.iter_errors(dict(arguments)):
                found.append(told(error))
                if len(found) == MOST_PROBLEMS:
                    break
        except Unresolvable as error:
            found.append(
                f"arguments: the tool's schema refers to {shown(error.ref)}, which it lacks"
            )
        except RecursionError:
            found.append("arguments: the tool's schema goes round in circles")
        return tuple(found)

    def misfit(self, name: str, arguments: Mapping[str, Any]) -> str:
        """What the model is told of a call that does not fit; empty where it does."""
        listed = "\n".join(f"- {problem}" for problem in self.problems(arguments))
        if not listed:
            return ""
        return (
            f"The arguments of {name} do not fit; nothing was done.\n{listed}\n"
            f"It takes:\n{self.told()}"
        )

    def told(self) -> str:
        """Each argument in a line, as the model is reminded of it."""
        properties = mapping(self._schema.get("properties"))
        required = set(cast(Sequence[str], self._schema.get("required") or ()))
        lines = [
            f"- {name}{'' if name in required else ' (optional)'}: {wanted(inner) or 'any value'}"
            for name, inner in list(properties.items())[:50]
        ]
        return "\n".join(lines) or "- none"


def read_arguments(text: str) -> Mapping[str, Any]:
    """The JSON object that a model wrote; InvalidInput that says what is wrong with it.

    No text at all is no arguments, as some models call a function that takes none.
    """
    if len(text) > MOST_CHARACTERS:
        raise InvalidInput(
            f"The arguments have {len(text):,} characters; {MOST_CHARACTERS:,} may be."
        )
    if not text.strip():
        return {}
    try:
        read: object = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise InvalidInput(
            f"The arguments are no JSON: {error.msg} at character {error.pos + 1}, near "
            f"{text[max(0, error.pos - 20) : error.pos + 20]!r}. Write one JSON object."
        ) from error
    except (RecursionError, ValueError) as error:
        raise InvalidInput(
            f"The arguments are no JSON that can be read: {str(error)[:200]}."
        ) from error
    if not isinstance(read, dict):
        raise InvalidInput(f"The arguments are {shown(read)}; write one JSON object.")
    return cast(Mapping[str, Any], read)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _is_json(value: object, depth: int = 0) -> bool:
    if depth > MOST_DEPTH:
        return False
    match value:
        case None | bool() | int() | str():
            return True
        case float():
            return math.isfinite(value)
        case list():
            return all(_is_json(each, depth + 1) for each in cast(list[object], value))
        case Mapping():
            pairs = cast(Mapping[object, object], value).items()
            return all(isinstance(key, str) and _is_json(each, depth + 1) for key, each in pairs)
        case _:
            return False
