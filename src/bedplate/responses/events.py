"""Events of a response in OpenAI's wire, numbered from 0 in the order in which they are told."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Lifecycle = Literal["created", "queued", "in_progress", "completed", "failed", "incomplete"]


@dataclass(frozen=True, slots=True)
class Event:
    """`number` is its `sequence_number`; `fields` are those beside type and number."""

    type: str
    number: int
    fields: Mapping[str, Any]

    @property
    def payload(self) -> Mapping[str, Any]:
        """What is sent as its data."""
        return {"type": self.type, "sequence_number": self.number, **self.fields}


@dataclass(frozen=True, slots=True)
class Said:
    """An event before it has its number; `type` is without "response."."""

    type: str
    fields: Mapping[str, Any]


class Numbering:
    """Numbers events on from `first`."""

    def __init__(self, first: int = 0) -> None:
        self._next = first

    def number(self, said: Iterable[Said]) -> Iterator[Event]:
        for each in said:
            yield Event(f"response.{each.type}", self._next, each.fields)
            self._next += 1
