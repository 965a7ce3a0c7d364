"""Values of a row as keys, versions, text and metadata."""

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import cast

from bedplate.domain.documents import MetadataValue, Scalar
from bedplate.sources.names import key_of, path_of
from bedplate.sources.sql_connection import Row

_WHOLE = re.compile(r"-?[0-9]+")
Bound = str | int


def to_text(value: object) -> str | None:
    """A value as a reader would write it; None for NULL and for bytes."""
    match value:
        case None | bytes() | bytearray() | memoryview():
            return None
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case datetime() | date() | time():
            return value.isoformat()
        case dict() | list():
            return json.dumps(value, ensure_ascii=False, default=str)
        case _:
            return str(value)


def to_metadata(value: object) -> MetadataValue:
    """Numbers, truth values and lists of them stay what they are; times become ISO 8601."""
    match value:
        case bool() | int() | float() | str() | None:
            return value
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case list():
            members = cast(list[object], value)
            if all(isinstance(member, str | int | float | bool) for member in members):
                return cast(list[Scalar], members)
            return to_text(members)
        case _:
            return to_text(value)


def write_key(values: Sequence[object]) -> str | None:
    """The key of an item, from which `read_key` makes the same values again; None with a NULL.

    Whole numbers stay whole numbers; all else is bound as text, which databases compare by the
    column's type.
    """
    parts: list[str] = []
    for value in values:
        text = to_text(value)
        if text is None:
            return None
        number = isinstance(value, int) and not isinstance(value, bool)
        looks = _WHOLE.fullmatch(text) or text[:1] == "'"
        parts.append(key_of(f"'{text}" if looks and not number else text))
    if len(parts) == 1:
        return parts[0]
    return "/".join(part.replace("/", "%2F") for part in parts)


def read_key(key: str, columns: int) -> list[Bound]:
    """The values of a key of so many columns, ready to be bound."""
    texts = [path_of(part) for part in (key.split("/") if columns > 1 else [key])]
    return [int(text) if _WHOLE.fullmatch(text) else text.removeprefix("'") for text in texts]


def version_of(values: Row) -> str:
    """A fingerprint of all that is read of a row."""
    written = json.dumps([to_text(value) for value in values], ensure_ascii=False)
    return hashlib.sha256(written.encode(errors="surrogatepass")).hexdigest()[:32]


def write_cursor(value: object) -> str | None:
    """A value that a listing can begin at, written so that `read_cursor` makes it again."""
    return write_key([value])


def read_cursor(cursor: str) -> Bound:
    return read_key(cursor, 1)[0]
