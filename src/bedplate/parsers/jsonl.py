"""JSON lines: each `{"id"?, "title"?, "text"?, ...}` is a document, its other fields metadata."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

import msgspec

from bedplate.domain.documents import Blob, MetadataValue, Parsed, Scalar
from bedplate.parsers.decode import clean, decode
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.rows import Row, Rows

VERSION = "jsonl/2"

_INT64 = 1 << 63
_SHOWN_FIELDS = 10


def read_jsonl(blob: Blob, limits: ParseLimits) -> Parsed:
    """Nested objects become dotted fields, lists of scalars stay lists; a list of anything else
    is left out with a warning. A row without "text" reads as its fields, like a row of CSV.
    """
    decoded = decode(blob.content, blob.source, most_characters=limits.characters, rows=True)
    rows = Rows(blob, limits, version=VERSION, media_type="application/jsonl")
    left_out: Counter[str] = Counter()
    for number, line in enumerate(decoded.text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value: Any = msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError, ValueError) as error:
            rows.fail(number, "malformed", f"this line is not valid JSON: {error}")
            continue
        if isinstance(value, dict):
            add_fields(rows, number, cast(dict[str, Any], value), left_out)
        else:
            rows.fail(number, "malformed", "this line is not a JSON object.")
    warnings = (*decoded.warnings, *left_out_lines(left_out))
    return rows.parsed(warnings)


def add_fields(rows: Rows, line: int, fields: dict[str, Any], left_out: Counter[str]) -> None:
    """Add an object as a row; what of it no metadata can hold is counted in `left_out`."""
    id, title = fields.pop("id", None), fields.get("title")
    text = fields.pop("text", None) or _spelled_out(fields)
    if text is None:
        rows.fail(line, "missing_text", 'the key "text" is missing, and no other holds words.')
    elif not isinstance(text, str):
        rows.fail(line, "malformed", f'"text" must be a string; it is {_kind(text)}.')
    elif not isinstance(id, str | int | None) or isinstance(id, bool):
        rows.fail(line, "malformed", f'"id" must be a string or a whole number; it is {_kind(id)}.')
    else:
        metadata = dict(_flat(fields, left_out))
        name = "" if id is None else clean(str(id)).strip()
        shown = title if isinstance(title, str) else None
        rows.add(Row(line, clean(text), metadata, name or None, shown))


def _spelled_out(fields: dict[str, Any]) -> str | None:
    """The text of a row without one, as of a CSV row: its fields, if any of them holds words."""
    if not any(isinstance(value, str) and value.strip() for value in fields.values()):
        return None
    flat = _flat(fields, Counter())
    lines = [(name, value) for name, value in flat if value not in (None, "", [])]
    return "\n".join(f"{name}: {_shown(value)}" for name, value in lines)


def _shown(value: MetadataValue) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _kind(value: object) -> str:
    match value:
        case bool():
            return "a boolean"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return "a number"


def _flat(
    fields: dict[str, Any], left_out: Counter[str], prefix: str = ""
) -> Iterator[tuple[str, MetadataValue]]:
    for key, value in fields.items():
        name = clean(f"{prefix}{key}")
        if isinstance(value, dict):
            yield from _flat(cast(dict[str, Any], value), left_out, f"{name}.")
        elif isinstance(value, list):
            members = cast(list[Any], value)
            kept = [_scalar(member) for member in members if _is_scalar(member)]
            if len(kept) == len(members):
                yield name, kept
            else:
                left_out[name] += 1
        else:
            yield name, None if value is None else _scalar(value)


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | int | float | bool)


def _scalar(value: Scalar) -> Scalar:
    """The value, cleaned; whole numbers that 64 bits cannot hold become text."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, int) and not -_INT64 <= value < _INT64:
        return str(value)
    return value


def left_out_lines(fields: Counter[str]) -> Iterator[str]:
    for name, count in fields.most_common(_SHOWN_FIELDS):
        yield f"The field {name!r} is a list of more than plain values and was left out ({count} rows)."
