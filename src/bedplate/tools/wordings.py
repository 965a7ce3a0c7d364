"""What is wrong with an argument, and what would be right, in words that a model can act on."""

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, cast

MOST_SHOWN = 120
DEEPEST_PATH = 12

_NUMBERS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "pattern": "matching {}",
    "format": "in the format {}",
}


def told(error: Any) -> str:
    """One problem in a line."""
    error = _nearest_branch(error)
    path = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}"
        for part in list(error.absolute_path)[:DEEPEST_PATH]
    )
    at = path.removeprefix(".") or "arguments"
    schema, given = mapping(error.schema), mapping(error.instance)
    known = list(mapping(schema.get("properties")))
    if error.validator == "required":
        missing = [name for name in cast(Sequence[str], error.validator_value) if name not in given]
        named = ", ".join(f"{name!r}" for name in missing[:5])
        right = "; ".join(
            f"{name}: {wanted(schema['properties'][name])}" for name in missing[:5] if name in known
        )
        return f"{at}: {named} is missing{f' ({right})' if right else ''}"
    if error.validator == "additionalProperties":
        extra = [name for name in given if name not in known]
        return f"{at}: unknown {', '.join(map(shown, extra[:5]))}.{_meant(extra, known)}"
    right = wanted(schema)
    tail = f"; it must be {right}" if right else f"; {error.message[:200]}"
    return f"{at}: it is {shown(error.instance)}{tail}"


def mapping(value: object) -> Mapping[str, Any]:
    """An object of a schema that anybody may have written; empty for what is none."""
    return cast(Mapping[str, Any], value) if isinstance(value, Mapping) else {}


def _nearest_branch(error: Any) -> Any:
    """Of several forms that none fits: what is wrong with the one that comes closest, if one does."""
    while error.validator in ("anyOf", "oneOf") and error.context:
        deepest = max(error.context, key=lambda each: len(each.absolute_path))
        if len(deepest.absolute_path) <= len(error.absolute_path):
            break
        error = deepest
    return error


def _meant(extra: Sequence[str], known: Sequence[str]) -> str:
    near = [match for name in extra[:5] for match in get_close_matches(name[:100], known, n=1)]
    if near:
        return f" Did you mean {', '.join(map(repr, near))}?"
    return f" It takes: {', '.join(known[:20]) or 'nothing'}."


def wanted(schema: object) -> str:
    """What a value must be, in words."""
    if not isinstance(schema, Mapping):
        return ""
    given = cast(Mapping[str, Any], schema)
    if "const" in given:
        return shown(given["const"])
    if "enum" in given:
        return f"one of {', '.join(shown(each) for each in list(given['enum'])[:20])}"
    for join in ("anyOf", "oneOf"):
        if join in given:
            return " or ".join(filter(None, (wanted(each) for each in list(given[join])[:5])))
    kind = given.get("type")
    words = [
        " or ".join(map(str, cast(list[object], kind)))
        if isinstance(kind, list)
        else str(kind or "")
    ]
    words += [said.format(given[key]) for key, said in _NUMBERS.items() if key in given]
    if kind == "array" and wanted(given.get("items")):
        words.append(f"of {wanted(given['items'])}")
    return ", ".join(filter(None, words))


def shown(value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = repr(type(value))
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."
