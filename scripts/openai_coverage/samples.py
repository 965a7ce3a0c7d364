"""Requests of one field each: right as OpenAI's types have it, and with a wrong type."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_origin

import typing_extensions
from scripts.openai_coverage.fields import (
    fields_of,
    has_fields,
    is_typed_dict,
    item_of,
    items_path,
    literals,
    members,
    tag,
    unwrapped,
)

WRONG: Any = {"wrong": [None]}
WRONG_OBJECT = 7
"""What no field of its kind takes."""

Hints = Mapping[str, Any]
"""Values that a field must have to make sense, by the end of its path."""


@dataclass(frozen=True, slots=True)
class Sample:
    path: str
    right: Any
    wrong: Any


def samples(kind: Any, hints: Hints, path: str = "", within: tuple[Any, ...] = ()) -> list[Sample]:
    """One for each field below `kind`, as `told` counts them."""
    return list(_samples(kind, hints, path, within))


def _samples(kind: Any, hints: Hints, path: str, within: tuple[Any, ...]) -> Iterator[Sample]:
    parts = members(kind)
    structured = [part for part in parts if has_fields(part)]
    plain = [part for part in parts if not has_fields(part) and item_of(part) is None]
    if plain and path:
        is_object = get_origin(plain[0]) is dict or plain[0] in {object, Any}
        wrong = WRONG_OBJECT if is_object else WRONG
        yield Sample(path, _plain(plain[0], hints, path), wrong)
    for part in parts:
        if (item := item_of(part)) is not None:
            for each in _samples(item, hints, items_path(path, item), within):
                yield Sample(each.path, [each.right], [each.wrong])
    for part in structured:
        if part not in within:
            inside = f"{path}[{tag(part)}]" if len(structured) > 1 and path else path
            needed = _needed(part, hints, inside)
            for name, annotation in fields_of(part).items():
                below = f"{inside}.{name}".lstrip(".")
                for each in _samples(annotation, hints, below, (*within, part)):
                    hinted = _hinted(inside, hints)
                    with_it = hinted if isinstance(hinted, dict) else {}
                    yield Sample(
                        each.path,
                        {**needed, **with_it, name: each.right},
                        {**needed, **with_it, name: each.wrong},
                    )


def minimal(kind: Any, hints: Hints, path: str) -> Any:
    """The least that a type takes."""
    first = members(kind)[0]
    item = item_of(first)
    if (hinted := _hinted(path, hints)) is not None:
        return [hinted] if item and items_path(path, item) == path else hinted
    if item is not None:
        return [minimal(item, hints, items_path(path, item))]
    if has_fields(first):
        structured = [part for part in members(kind) if has_fields(part)]
        inside = f"{path}[{tag(first)}]" if len(structured) > 1 and path else path
        return _needed(first, hints, inside)
    return _plain(first, hints, path)


def _needed(kind: Any, hints: Hints, path: str) -> dict[str, Any]:
    if not is_typed_dict(kind):
        return {}
    return {
        name: minimal(annotation, hints, f"{path}.{name}".lstrip("."))
        for name, annotation in fields_of(kind).items()
        if get_origin(annotation) is typing_extensions.Required
        or (name == "type" and literals(annotation))
    }


def _plain(kind: Any, hints: Hints, path: str) -> Any:
    if (hinted := _hinted(path, hints)) is not None:
        return hinted
    kind = unwrapped(kind)
    if get_origin(kind) is Literal:
        return literals(kind)[0]
    if get_origin(kind) is dict:
        return {"key": "value"}
    return {str: "text", int: 1, float: 0.5, bool: True}.get(kind, {"key": "value"})


def _hinted(path: str, hints: Hints) -> Any:
    """The longest hint that the path ends with, on the border of a name."""
    found = [end for end in hints if path == end or path.endswith(f".{end}")]
    return hints[max(found, key=len)] if found else None
