"""JSON bodies read strictly: what is wrong is named by its path.

"messages.0.content: expected string or parts, got int".
"""

import re
from codecs import BOM_UTF8
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import msgspec

from bedplate.errors import InvalidInput

T = TypeVar("T")

_JSON_NAMES = {
    "str": "string",
    "int": "int",
    "float": "number",
    "bool": "boolean",
    "array": "list",
    "dict": "object",
    "NoneType": "null",
}


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body; InvalidInput for anything else.

    A byte order mark in front of it is ignored (RFC 8259, 8.1).
    """
    try:
        raw = msgspec.json.decode(body.removeprefix(BOM_UTF8))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"The body is not valid JSON: {error}.") from error
    if not isinstance(raw, dict):
        raise InvalidInput(f"The body: expected object, got {kind(raw)}.")
    return cast(dict[str, Any], raw)


def convert(raw: Mapping[str, Any], type: type[T], prefix: str = "") -> T:
    """`raw` as that type; InvalidInput names the field at fault, below `prefix`."""
    try:
        return msgspec.convert(raw, type)
    except msgspec.ValidationError as error:
        where, what = _explain(str(error))
        raise wrong(".".join(part for part in (prefix, where) if part), what) from error


def _explain(message: str) -> tuple[str, str]:
    """A msgspec message as the field's path and what is wrong with it."""
    what, _, at = message.partition(" - at `$")
    path = at.rstrip("`").replace("[", ".").replace("]", "").strip(".")
    missing = re.fullmatch(r"Object missing required field `(.+)`", what)
    if missing:
        return f"{path}.{missing[1]}".strip("."), "is required"
    what = what.replace("Invalid enum value", "unknown value")
    what = re.sub(r"`([^`]+)`", lambda match: _plain(match[1]), what)
    return path, what[:1].lower() + what[1:]


def _plain(types: str) -> str:
    return " or ".join(_JSON_NAMES.get(name, name) for name in types.split(" | "))


def kind(value: Any) -> str:
    """What JSON calls a value's type."""
    return _JSON_NAMES.get(type(value).__name__, type(value).__name__)


def wrong(param: str, what: str) -> InvalidInput:
    return InvalidInput(f"{param}: {what}" if param else f"The body: {what}", param=param or None)
