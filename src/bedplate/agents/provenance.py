"""Where the arguments of a call come from.

The rule: once a run has read what neither the user nor the operator wrote, a call with an effect
goes without a human only where every value in its arguments stands, as a whole word or number, in
what they did write, and at least one does. Free of it are yes, no, nothing, and values that the
tool's schema itself lists. So an order that was read in a tool's answer can neither bring values of
its own into an effect nor cause one that the goal does not name.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

# A part of a date or a time is no number of its own.
NUMBER = re.compile(r"(?<![\w.,])(?<!\d[-/:])-?\d+(?:[.,]\d+)*(?!\d)(?![-/:]\d)")
BLANKS = re.compile(r"\s+")


def foreign(
    arguments: Mapping[str, Any], schema: Mapping[str, Any], said: Sequence[str]
) -> tuple[str, ...]:
    """Paths of the values that nobody said; ("",) where there is no value that somebody did."""
    text = _plain("\n".join(said))
    numbers = {number for found in NUMBER.findall(text) if (number := _number(found)) is not None}
    listed = set(map(str, _listed(schema)))
    seen, unknown = 0, list[str]()
    for path, value in _leaves(arguments):
        if str(value) in listed:
            continue
        if _stands(value, text, numbers):
            seen += 1
        else:
            unknown.append(path)
    return tuple(unknown) if unknown or seen else ("",)


def _stands(value: str | float, text: str, numbers: set[float]) -> bool:
    if not isinstance(value, str):
        return float(value) in numbers
    plain = _plain(value).strip()
    if not plain:
        return True
    # "20" does not stand in 2024-05-20.
    before = r"(?<!\d[-/:.,])" if plain[0].isdigit() else ""
    behind = r"(?![-/:.,]\d)" if plain[-1].isdigit() else ""
    return re.search(rf"(?<!\w){before}{re.escape(plain)}(?!\w){behind}", text) is not None


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, str | float]]:
    match value:
        case bool() | None:
            return
        case str() | int() | float():
            yield path, value
        case Mapping():
            for name, inner in cast(Mapping[str, object], value).items():
                yield from _leaves(inner, f"{path}.{name}" if path else name)
        case _:
            for index, inner in enumerate(cast(Sequence[object], value)):
                yield from _leaves(inner, f"{path}[{index}]")


def _listed(schema: object) -> Iterator[object]:
    """The values that a schema lists, anywhere in it."""
    if isinstance(schema, Mapping):
        for name, inner in cast(Mapping[str, object], schema).items():
            if name == "enum" and isinstance(inner, list):
                yield from cast(list[object], inner)
            elif name == "const":
                yield inner
            else:
                yield from _listed(inner)
    elif isinstance(schema, list):
        for inner in cast(list[object], schema):
            yield from _listed(inner)


def _plain(text: str) -> str:
    return BLANKS.sub(" ", text.casefold())


def _number(text: str) -> float | None:
    """A comma before three digits parts thousands: 1,250.00 is 1250."""
    try:
        return float(re.sub(r",(?=\d{3}(?!\d))", "", text).replace(",", "."))
    except ValueError:
        return None
