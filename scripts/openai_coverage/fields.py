"""The fields of a type by their paths: `messages[].content[type=text].text`.

A field is counted where it has no fields of its own. Members of a union are told apart by their
`type` (or `role`), or else by the name of their class. A type within itself is not gone into again.
"""

import inspect
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin

import typing_extensions
from pydantic import BaseModel

TAGS = ("type", "role", "object")
WRAPPERS = (Annotated, typing_extensions.Required, typing_extensions.NotRequired)
LISTS = (list, Iterable, Sequence)


def is_typed_dict(kind: Any) -> bool:
    return inspect.isclass(kind) and typing_extensions.is_typeddict(kind)


def is_model(kind: Any) -> bool:
    return inspect.isclass(kind) and issubclass(kind, BaseModel)


def unwrapped(kind: Any) -> Any:
    """Without what says more about a type, or names it."""
    while True:
        origin = get_origin(kind)
        if origin in WRAPPERS:
            kind = get_args(kind)[0]
        elif isinstance(kind, typing_extensions.TypeAliasType):
            kind = kind.__value__
        elif isinstance(kind, TypeVar):
            kind = kind.__bound__ or object
        else:
            return kind


def members(kind: Any) -> list[Any]:
    """Of a union, however deep; a type that is none is its own. None and absence are left out."""
    kind = unwrapped(kind)
    if get_origin(kind) in {Union, types.UnionType}:
        return [each for member in get_args(kind) for each in members(member)]
    return [] if kind is type(None) or getattr(kind, "__name__", "") == "Omit" else [kind]


def item_of(kind: Any) -> Any:
    """What a list holds; None of a type that is no list."""
    origin = get_origin(kind)
    if origin in LISTS or getattr(origin, "__name__", "") == "SequenceNotStr":
        return get_args(kind)[0]
    return None


def fields_of(kind: Any) -> Mapping[str, Any]:
    """Names on the wire, and types."""
    if is_typed_dict(kind):
        return typing_extensions.get_type_hints(kind, include_extras=True)
    model = cast(type[BaseModel], kind)
    return {
        field.alias or name: field.annotation
        for name, field in model.model_fields.items()
        if not name.startswith("_")
    }


def has_fields(kind: Any) -> bool:
    return is_typed_dict(kind) or is_model(kind)


def tag(kind: Any) -> str:
    """`type=text`, or the name of the class."""
    fields = fields_of(kind)
    for name in TAGS:
        if name in fields and len(words := literals(fields[name])) == 1:
            return f"{name}={words[0]}"
    return str(kind.__name__)


def literals(kind: Any) -> list[Any]:
    return [
        word for each in members(kind) if get_origin(each) is Literal for word in get_args(each)
    ]


def told(kind: Any, path: str = "", within: tuple[Any, ...] = ()) -> Iterator[str]:
    """The paths of every field of an answer."""
    parts = members(kind)
    structured = [part for part in parts if has_fields(part)]
    if any(not has_fields(part) and item_of(part) is None for part in parts) and path:
        yield path
    for part in parts:
        if (item := item_of(part)) is not None:
            yield from told(item, items_path(path, item), within)
    for part in structured:
        if part not in within:
            inside = f"{path}[{tag(part)}]" if len(structured) > 1 else path
            for name, annotation in fields_of(part).items():
                yield from told(annotation, f"{inside}.{name}".lstrip("."), (*within, part))


def seen(kind: Any, value: Any, path: str = "") -> Iterator[str]:
    """Those of `told` that an answer has: an empty list has none, null has the field's own."""
    parts = members(kind)
    structured = [part for part in parts if has_fields(part)]
    if isinstance(value, list):
        lists = [item for part in parts if (item := item_of(part)) is not None]
        if path and (not lists or any(items_path(path, item) == path for item in lists)):
            yield path
        for member in cast(list[Any], value):
            for item in lists:
                yield from seen(item, member, items_path(path, item))
    elif isinstance(value, dict) and structured:
        part = _fitting(structured, cast(dict[str, Any], value))
        inside = f"{path}[{tag(part)}]" if len(structured) > 1 else path
        for name, annotation in fields_of(part).items():
            if name in value:
                yield from seen(annotation, value[name], f"{inside}.{name}".lstrip("."))
    elif path:
        yield path


def items_path(path: str, item: Any) -> str:
    """A list of plain values is one field."""
    structured = any(has_fields(part) or item_of(part) is not None for part in members(item))
    return f"{path}[]" if structured else path


def _fitting(parts: Sequence[Any], value: Mapping[str, Any]) -> Any:
    """The member of a union that a value is one of: by its tags, then by what it has in common."""

    def fits(part: Any) -> tuple[bool, int]:
        fields = fields_of(part)
        words = {name: literals(fields[name]) for name in TAGS if name in fields}
        agrees = all(not known or value.get(name) in known for name, known in words.items())
        return agrees, len(fields.keys() & value.keys()) - len(fields.keys() - value.keys())

    return max(parts, key=fits)
