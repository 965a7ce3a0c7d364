"""An answer that is JSON: read, checked against its schema, and said in words for a judge."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from bedplate.rag.checks.json_schema import AnswerSchema

MOST_LEAVES = 500
_FENCES = ("```json", "```JSON", "```")


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value that is no object or list, by its JSON path."""

    path: str
    name: str
    value: str


class JsonAnswer:
    """What `text` holds. `misfits` says why it is not what was asked for; empty where it is."""

    def __init__(self, text: str, schema: AnswerSchema | None) -> None:
        self.text = bare(text)
        self.misfits: list[str] = []
        self._value: object = None
        try:
            self._value = json.loads(self.text, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            self.misfits = [f"$: it is no JSON ({str(error)[:100]})"]
            return
        if schema is not None:
            self.misfits = schema.misfits(self._value)
        elif not isinstance(self._value, dict):
            self.misfits = ["$: it is no JSON object"]

    def leaves(self) -> list[Leaf]:
        """Text and numbers, in order, `MOST_LEAVES` at most; null and booleans say nothing alone."""
        found: list[Leaf] = []
        for leaf in _leaves(self._value, "$", ""):
            if len(found) == MOST_LEAVES:
                break
            found.append(leaf)
        return found

    def in_words(self) -> str:
        """A paragraph a value, such as "price: 90", for a judge of prose."""
        return "\n\n".join(
            f"{leaf.name}: {leaf.value}" if leaf.name else leaf.value for leaf in self.leaves()
        )


def bare(text: str) -> str:
    """Without the code fence that models like to put around JSON."""
    plain = text.strip()
    for fence in _FENCES:
        if plain.startswith(fence) and plain.endswith("```") and len(plain) > len(fence) + 3:
            return plain[len(fence) : -3].strip()
    return plain


def _leaves(value: object, path: str, name: str) -> Iterator[Leaf]:
    if isinstance(value, dict):
        for key, inner in cast(Mapping[str, Any], value).items():
            yield from _leaves(inner, f"{path}.{key}", key.replace("_", " "))
    elif isinstance(value, list):
        for at, inner in enumerate(cast(list[object], value)):
            yield from _leaves(inner, f"{path}[{at}]", name)
    elif isinstance(value, str):
        if value.strip():
            yield Leaf(path, name, value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield Leaf(path, name, str(value))


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")
