"""`tags`: what `patterns` finds, and names, firms, places and more by a small trained model.

The model reads a text segment by segment (guards/segments.py), whether it is whole or streams. What a
pattern proves stands; the model's findings lie around it.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from threading import BoundedSemaphore, Lock
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from bedplate.domain.guard import Finding, Scrubbed
from bedplate.guards.pii import REPLACED, TYPES, PatternGuard, PiiType, Recogniser, fold
from bedplate.guards.pii_head import Head, TagHead
from bedplate.guards.protocol import PiiGuard
from bedplate.guards.reading import digest, model_facts, shared_reader
from bedplate.guards.segments import Segments
from bedplate.guards.spans import Finder, Scan, Spans, joined

TagType = Literal[
    "PERSON", "ORGANIZATION", "LOCATION", "ADDRESS", "AGE", "ZIP", "NRP", "TITLE", "DATE", "PHONE",
    "URL", "DRIVER_LICENSE",
]  # fmt: skip
TAGS: tuple[TagType, ...] = get_args(TagType)

REMEMBERED = 4_096
"""Segments whose findings are known, by their digest: conversations repeat themselves."""

_UNPROVED = frozenset({"ADDRESS", "ZIP"})
# Nothing else holds more than the name of a field does.
_WORTH = re.compile(r"[^\W\d_][^\w]+[^\W_]|[^\W\d_]*[A-Z\u00c0-\u00de\u0391-\u042f]|\d")


class TaggedOptions(BaseModel):
    """`types` and `custom` are those of `patterns`, `tags` what the model looks for. `thresholds` are
    probabilities from which on it is believed, where its own are not wanted. `workers` segments are
    read at once.
    """

    model_config = ConfigDict(extra="forbid")
    types: tuple[PiiType, ...] = Field(default=TYPES, min_length=1)
    custom: tuple[Recogniser, ...] = Field(default=(), max_length=100)
    tags: tuple[TagType, ...] = Field(default=TAGS, min_length=1)
    thresholds: Mapping[TagType, float] = Field(default_factory=dict[TagType, float])
    workers: int = Field(default=2, ge=1, le=64)


class TaggedGuard:
    slow = True

    def __init__(
        self, shaped: PatternGuard, head: Head, tags: Sequence[str], workers: int = 2
    ) -> None:
        self.shaped = shaped
        self._head = head
        self._wanted = frozenset(tags)
        self._room = BoundedSemaphore(workers)
        self._lock = Lock()
        self._known: OrderedDict[bytes, tuple[Finding, ...]] = OrderedDict()

    def find(self, text: str) -> tuple[Finding, ...]:
        return tuple(joined(self.finder(self.scan), fold(text)))

    def scan(self, text: str, start: int) -> list[Finding]:
        return self.shaped.scan(text, start)

    def finder(self, scan: Scan, before: str = "") -> Finder:
        return Segments(Spans(scan, before), self._tagged, resolved, before)

    def scrub(self, text: str) -> Scrubbed:
        return Scrubbed.of(text, self.find(text))

    def _tagged(self, text: str) -> tuple[Finding, ...]:
        if not _WORTH.search(text):
            return ()
        name = digest(text)
        with self._lock:
            known = self._known.get(name)
            if known is not None:
                self._known.move_to_end(name)
                return known
        with self._room:
            found = tuple(each for each in self._head.find(text) if each.type in self._wanted)
        with self._lock:
            self._known[name] = found
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return found


def resolved(text: str, shaped: Sequence[Finding], tagged: Sequence[Finding]) -> list[Finding]:
    """What a pattern found stands, and cuts what the model found around it; but streets and post
    codes, which nothing proves, are part of the address that the model sees around them.
    """
    marks = [Finding("", match.start(), match.end()) for match in REPLACED.finditer(text)]
    kept = [
        each
        for each in shaped
        if each.type not in _UNPROVED
        or each.end > len(text)
        or not any(
            t.type == "ADDRESS"
            and t.start <= each.start
            and each.end <= t.end
            and not any(_meets(t, mark) for mark in marks)
            for t in tagged
        )
    ]
    found = list(kept)
    taken = sorted([*kept, *marks], key=lambda each: each.start)
    for each in tagged:
        for start, end in _free(each, taken):
            part = text[start:end]
            start += len(part) - len(part.lstrip(_AROUND))
            end -= len(part) - len(part.rstrip(_AROUND))
            if any(sign.isalnum() for sign in text[start:end]):
                found.append(replace(each, start=start, end=end))
    return sorted(found, key=lambda each: each.start)


_AROUND = " \t\r\n\v\f,;:()[]"


def _meets(one: Finding, other: Finding) -> bool:
    return one.start < other.end and other.start < one.end


def _free(found: Finding, taken: Sequence[Finding]) -> list[tuple[int, int]]:
    """What of a finding lies in none of `taken`, which are in order."""
    parts: list[tuple[int, int]] = []
    position = found.start
    for each in taken:
        if _meets(each, found):
            parts.append((position, each.start))
            position = max(position, each.end)
    parts.append((position, found.end))
    return [(start, end) for start, end in parts if start < end]


@asynccontextmanager
async def open_tagged_guard(options: Mapping[str, Any]) -> AsyncGenerator[PiiGuard]:
    """ConfigError where the shipped model is not itself."""
    chosen = TaggedOptions.model_validate(dict(options))
    facts = await asyncio.to_thread(model_facts)
    shaped = PatternGuard(chosen.types, [own.made() for own in chosen.custom])
    head = TagHead(shared_reader(), facts, dict[str, float](chosen.thresholds.items()))
    yield TaggedGuard(shaped, head, chosen.tags, chosen.workers)
