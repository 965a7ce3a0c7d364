"""`patterns`: personal data that has a shape, found by RE2 expressions and proved by checksums.

What has no shape, such as names, is not looked for.
"""

import re
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal, get_args

import re2
from pydantic import BaseModel, ConfigDict, Field, field_validator

from bedplate.domain.guard import Finding, Scrubbed
from bedplate.guards.blocks import FILLER, WINDOW
from bedplate.guards.pii_identity import IDENTITY
from bedplate.guards.pii_keys import KEYS
from bedplate.guards.pii_patterns import PATTERNS, Pattern, Span, before
from bedplate.guards.pii_places import PLACES
from bedplate.guards.protocol import PiiGuard
from bedplate.guards.spans import Finder, Scan, Spans, joined

PiiType = Literal[
    "KEY", "IBAN", "CARD", "PASSPORT", "DRIVER_LICENSE", "SSN", "NATIONAL_ID", "VAT", "EMAIL", "MAC",
    "IP", "BIRTH_DATE", "PHONE", "ADDRESS", "ZIP",
]  # fmt: skip

# Most specific first: it names what several patterns found.
TYPES: tuple[PiiType, ...] = get_args(PiiType)
_RANK = {name: rank for rank, name in enumerate(TYPES)}
REPLACED = re.compile(r"\[[A-Z][A-Z_]{1,30}(?:_\d{1,5}|:[0-9a-f]{8})?\]")
# What no finding consists of is passed over: letters, and signs of punctuation around them.
_HOT = re.compile(r"[0-9@_/\\:=+#$%&*~^|<>{}]|[^\W\d_][\-.][^\W\d_]|[^\s]{16}")
_PASSES = 8

# One sign for one, so that offsets stay: signs that look alike to people and are not to patterns.
_ALIKE = {
    **dict.fromkeys(
        map(ord, "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f"),
        " ",
    ),
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d"), "-"),
    **{ord(zero) + value: str(value) for zero in "\u0660\u06f0\u0966\uff10" for value in range(10)},
    ord("\uff20"): "@",
    ord("\ufe6b"): "@",
    ord("\uff0e"): ".",
    ord("\uff0b"): "+",
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
}


_HAS_ALIKE = re.compile(f"[{''.join(map(chr, _ALIKE))}]")


def fold(text: str) -> str:
    """The text as patterns read it, sign by sign; RE2 reads UTF-8, which has no surrogates."""
    # Letters with accents and quotation marks are in most texts, signs that change in few.
    if text.isascii() or not _HAS_ALIKE.search(text):
        return text
    return text.translate(_ALIKE)


_re2: Any = re2


def _quiet() -> Any:
    options = _re2.Options()
    options.max_mem = 32 << 20
    options.log_errors = False
    return options


class Recogniser(BaseModel):
    """A type of one's own: `pattern` is RE2 syntax, its group 1 or else the whole of it the value.

    With `words` one of them must stand shortly before the value.
    """

    model_config = ConfigDict(extra="forbid")
    type: str = Field(pattern=r"^[A-Z][A-Z_]{1,30}$")
    pattern: str = Field(min_length=1, max_length=1_000)
    words: tuple[str, ...] = Field(default=(), max_length=100)
    score: float = Field(default=0.9, gt=0, le=1)

    @field_validator("pattern")
    @classmethod
    def _is_re2(cls, pattern: str) -> str:
        try:
            compiled = _re2.compile(pattern, _quiet())
        except _re2.error as error:
            raise ValueError(f"is no pattern that RE2 takes: {error}") from error
        if compiled.match("") or compiled.groups > 1:
            raise ValueError("must not match nothing, and have one group at most")
        return pattern

    def made(self) -> Pattern:
        words = [word.casefold() for word in self.words]

        def check(text: str, start: int, end: int) -> Iterator[Span]:
            said = before(text, start)
            if not words or any(word in said for word in words):
                yield start, end, self.score

        return Pattern(self.type, self.pattern, self.pattern, check)


class PatternOptions(BaseModel):
    """`types` are the ones to look for; all by default. `custom` are further ones."""

    model_config = ConfigDict(extra="forbid")
    types: tuple[PiiType, ...] = Field(default=TYPES, min_length=1)
    custom: tuple[Recogniser, ...] = Field(default=(), max_length=100)


class PatternGuard:
    slow = False

    def __init__(self, types: Sequence[PiiType], custom: Sequence[Pattern] = ()) -> None:
        known = (*KEYS, *PATTERNS, *IDENTITY, *PLACES)
        self._patterns = [*(each for each in known if each.type in types), *custom]
        # What begins or ends a text may be asked for in patterns of somebody's own.
        self._tells_whole = not custom
        options = _quiet()
        self._triggers = _re2.Set.SearchSet(options)
        for pattern in self._patterns:
            self._triggers.Add(pattern.trigger)
        self._triggers.Compile()
        self._expressions = [
            _re2.compile(pattern.expression, options) for pattern in self._patterns
        ]

    @property
    def shaped(self) -> PiiGuard:
        return self

    def find(self, text: str) -> tuple[Finding, ...]:
        folded = fold(text)
        if self._tells_whole and _has_short_words(folded) and not self._triggers.Match(folded):
            return ()
        return tuple(joined(Spans(self.scan), folded))

    def scan(self, text: str, start: int) -> list[Finding]:
        """Findings of one block (guards/blocks.py), which begins at `start`; folded text."""
        if not _HOT.search(text, start):
            return []
        rest = REPLACED.sub(lambda match: FILLER * len(match[0]), text)
        found: list[Finding] = []
        # What is found changes what stands beside the rest, so that a second look may find more;
        # with this, scrubbed text holds no findings.
        for _ in range(_PASSES):
            fresh = _merged(sorted(self._candidates(rest, start), key=lambda f: (f.start, f.end)))
            if not fresh:
                break
            found += fresh
            rest = _filled(rest, fresh)
        return sorted(found, key=lambda finding: finding.start)

    def finder(self, scan: Scan, before: str = "") -> Finder:
        return Spans(scan, before)

    def scrub(self, text: str) -> Scrubbed:
        return Scrubbed.of(text, self.find(text))

    def _candidates(self, text: str, first: int) -> Iterator[Finding]:
        hits: Sequence[int] = self._triggers.Match(text) or ()
        for index in hits:
            pattern = self._patterns[index]
            expression = self._expressions[index]
            for match in expression.finditer(text):
                begin, stop = match.span(expression.groups)
                if begin < first:
                    continue
                for start, end, score in pattern.check(text, begin, stop):
                    yield Finding(pattern.type, start, end, score)


def _has_short_words(text: str) -> bool:
    """Whether blocks end with words all over the text, so that what triggers no pattern in the whole
    triggers none in a block: a longer word is cut, and an edge looks like the end of a word.
    """
    half = WINDOW // 2
    return all(text.find(" ", at, at + half) >= 0 for at in range(0, len(text) - half, half))


def _merged(candidates: Sequence[Finding]) -> list[Finding]:
    """Overlapping candidates as one over all of them, so that no part of any stays behind."""
    merged: list[Finding] = []
    for each in candidates:
        if not merged or each.start >= merged[-1].end:
            merged.append(each)
            continue
        last = merged[-1]
        best = min(last, each, key=lambda f: (_RANK.get(f.type, len(_RANK)), -f.score))
        merged[-1] = Finding(best.type, last.start, max(last.end, each.end), best.score)
    return merged


def _filled(text: str, findings: Sequence[Finding]) -> str:
    parts: list[str] = []
    position = 0
    for finding in findings:
        parts += (text[position : finding.start], FILLER * (finding.end - finding.start))
        position = finding.end
    return "".join((*parts, text[position:]))


@asynccontextmanager
async def open_pattern_guard(options: Mapping[str, Any]) -> AsyncGenerator[PiiGuard]:
    chosen = PatternOptions.model_validate(dict(options))
    yield PatternGuard(chosen.types, [own.made() for own in chosen.custom])
