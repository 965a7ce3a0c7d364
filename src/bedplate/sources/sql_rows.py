"""Values of a row as keys, versions, text and metadata."""

import hashlib
import json
import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import cast

from bedplate.domain.documents import MetadataValue, Scalar
from bedplate.sources.names import key_of, path_of
from bedplate.sources.sql_connection import Row

_WHOLE = re.compile(r"-?[0-9]+")
_BYTES = re.compile(r"0x((?:[0-9a-f]{2})*)")
Bound = str | int | bytes


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
        case timedelta():
            return _clock(value)
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

    Whole numbers stay whole numbers and bytes bytes, written 0x0aff; all else is bound as text,
    which databases compare by the column's type.
    """
    parts: list[str] = []
    for value in values:
        if isinstance(value, bytes | bytearray):
            parts.append(f"0x{value.hex()}")
            continue
        text = to_text(value)
        if text is None:
            return None
        number = isinstance(value, int) and not isinstance(value, bool)
        looks = _WHOLE.fullmatch(text) or _BYTES.fullmatch(text) or text[:1] == "'"
        parts.append(key_of(f"'{text}" if looks and not number else text))
    if len(parts) == 1:
        return parts[0]
    return "/".join(part.replace("/", "%2F") for part in parts)


def read_key(key: str, columns: int) -> list[Bound]:
    """The values of a key of so many columns, ready to be bound."""
    texts = [path_of(part) for part in (key.split("/") if columns > 1 else [key])]
    return [_bound(text) for text in texts]


def version_of(values: Row) -> str:
    """A fingerprint of all that is read of a row."""
    written = json.dumps([to_text(value) for value in values], ensure_ascii=False)
    return hashlib.sha256(written.encode(errors="surrogatepass")).hexdigest()[:32]


def write_cursor(value: object) -> str | None:
    """A value that a listing can begin at, written so that `read_cursor` makes it again."""
    return write_key([value])


def read_cursor(cursor: str) -> Bound:
    return read_key(cursor, 1)[0]


def _bound(text: str) -> Bound:
    if _WHOLE.fullmatch(text):
        return int(text)
    if (binary := _BYTES.fullmatch(text)) is not None:
        return bytes.fromhex(binary[1])
    return text.removeprefix("'")


def _clock(value: timedelta) -> str:
    """As databases write a time of day, or a span: hours, which may be over 23."""
    sign = "-" if value < timedelta() else ""
    whole, fraction = divmod(abs(value), timedelta(seconds=1))
    part = f".{fraction.microseconds:06}" if fraction else ""
    return f"{sign}{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{part}"
