"""An answer that is JSON: read, checked against its schema, and said in words for a judge."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
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

    @property
    def in_words(self) -> str:
        return f"{self.name}: {self.value}" if self.name else self.value


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
        return list(islice(_leaves(self._value, "$", ""), MOST_LEAVES))

    @property
    def unread(self) -> int:
        """How many there are beyond those."""
        return sum(1 for _ in islice(_leaves(self._value, "$", ""), MOST_LEAVES, None))

    def in_words(self) -> str:
        """A paragraph a value, such as "price: 90", for a judge of prose."""
        return "\n\n".join(leaf.in_words for leaf in self.leaves())


def misfits(text: str, schema: Mapping[str, Any]) -> list[str]:
    """Where and how a text, as it is, is not JSON of a schema; an empty schema is any object.

    Raises:
        InvalidInput: the schema is none.
    """
    read = AnswerSchema(schema, param="subject.schema") if schema else None
    answer = JsonAnswer(text, read)
    if answer.text != text.strip():
        return ["$: it stands in a code fence, which whoever reads it as JSON cannot take"]
    return answer.misfits


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
