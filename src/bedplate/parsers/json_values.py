"""JSON (RFC 8259): a list of objects as rows, anything else as an outline of its keys."""

import json
import math
from collections import Counter
from typing import Any, cast

from bedplate.domain.documents import Blob, Parsed
from bedplate.errors import Unreadable
from bedplate.parsers.decode import clean, decode
from bedplate.parsers.jsonl import add_fields, left_out_lines
from bedplate.parsers.outline import Outline
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.rows import Rows

VERSION = "json/1"

_DEEPEST = 100
_DEEPEST_HEADING = 6
_LONGEST_INTEGER = 18
_NAMES = ("title", "name", "label", "id", "key")


def read_json(blob: Blob, limits: ParseLimits) -> Parsed:
    """Of a key that an object has twice the last value counts, with a warning.

    Numbers beyond 18 digits, NaN and infinities are kept as they are written.
    """
    decoded = decode(blob.content, blob.source, most_characters=limits.characters, rows=True)
    twice: Counter[str] = Counter()
    value = _load(decoded.text, blob.source, twice)
    warnings = [*decoded.warnings, *(f"The key {key[:80]!r} stands twice in an object; the last "
                                     "value was taken." for key, _ in twice.most_common(10))]  # fmt: skip
    if _is_table(value):
        return _rows(blob, limits, cast(list[dict[str, Any]], value), warnings)
    outline = Outline(blob, limits.characters)
    _add(outline, value, 1)
    title = cast(dict[str, Any], value).get("title") if isinstance(value, dict) else None
    return outline.parsed(
        VERSION,
        "application/json",
        title=title if isinstance(title, str) else None,
        metadata={},
        warnings=warnings,
    )


def _load(text: str, source: str, twice: Counter[str]) -> Any:
    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        fields = dict(found)
        if len(fields) < len(found):
            seen = Counter(key for key, _ in found)
            twice.update({key: 1 for key, count in seen.items() if count > 1})
        return fields

    try:
        value = json.loads(
            text,
            object_pairs_hook=pairs,
            parse_int=lambda digits: int(digits) if len(digits) <= _LONGEST_INTEGER else digits,
            parse_float=_real,
            parse_constant=str,
        )
        _check_depth(value)
    except RecursionError as error:
        raise Unreadable(f"{source!r} is nested too deeply.", reason="malformed") from error
    except ValueError as error:
        raise Unreadable(f"{source!r} is not valid JSON: {error}", reason="malformed") from error
    return value


def _real(digits: str) -> float | str:
    value = float(digits)
    return value if math.isfinite(value) else digits


def _check_depth(value: Any) -> None:
    """RecursionError for what is nested deeper than any record of facts."""
    layer = [value]
    for _ in range(_DEEPEST):
        layer = [inner for outer in layer for inner in _inside(outer)]
        if not layer:
            return
    raise RecursionError


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(cast(dict[str, Any], value).values())
    return cast(list[Any], value) if isinstance(value, list) else []


def _is_table(value: Any) -> bool:
    """Whether this is a list of records, at least one of which says something in words."""
    if not isinstance(value, list):
        return False
    items = cast(list[Any], value)
    return all(isinstance(item, dict) for item in items) and any(
        isinstance(field, str) and field.strip() for item in items for field in item.values()
    )


def _rows(
    blob: Blob, limits: ParseLimits, records: list[dict[str, Any]], warnings: list[str]
) -> Parsed:
    rows = Rows(blob, limits, version=VERSION, media_type="application/json")
    left_out: Counter[str] = Counter()
    for number, record in enumerate(records, 1):
        add_fields(rows, number, record, left_out)
    return rows.parsed([*warnings, *left_out_lines(left_out)])


def _add(outline: Outline, value: Any, level: int) -> None:
    """Plain values first, as lines; then each deeper one under its key."""
    if isinstance(value, dict):
        fields = cast(dict[str, Any], value)
        lines = [f"{key}: {_shown(plain)}" for key, plain in fields.items() if _is_plain(plain)]
        outline.add(clean("\n".join(lines)))
        for key, inner in fields.items():
            if not _is_plain(inner):
                outline.heading(clean(key), min(level, _DEEPEST_HEADING))
                _add(outline, inner, level + 1)
    elif isinstance(value, list) and not _is_plain(cast(list[Any], value)):
        items = cast(list[Any], value)
        # Once an item has headings of its own, the next ones need one to stand clear of them.
        titled = not all(map(_is_flat, items))
        for number, item in enumerate(items, 1):
            if titled:
                outline.heading(_name(item, number), min(level, _DEEPEST_HEADING))
            _add(outline, item, level + 1)
    elif isinstance(value, list):
        outline.add(
            clean("\n".join(f"- {_shown(item)}" for item in cast(list[Any], value))), "list"
        )
    else:
        outline.add(clean(_shown(value)))


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return not any(isinstance(item, dict | list) for item in cast(list[Any], value))
    return not isinstance(value, dict) or not value


def _shown(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case list():
            return ", ".join(_shown(item) for item in cast(list[Any], value))
        case dict():
            return "{}"
        case _:
            return str(value)


def _is_flat(item: Any) -> bool:
    if isinstance(item, dict):
        return all(map(_is_plain, cast(dict[str, Any], item).values()))
    return _is_plain(item)


def _name(item: Any, number: int) -> str:
    fields = cast(dict[str, Any], item) if isinstance(item, dict) else {}
    named = (fields.get(name) for name in _NAMES)
    return next(
        (clean(name) for name in named if isinstance(name, str) and name.strip()), str(number)
    )
