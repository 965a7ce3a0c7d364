"""`patterns`: personal data that has a shape, found by RE2 expressions and proved by checksums.

What has no shape, such as names and street addresses, is not looked for.
"""

import re
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

import re2
from pydantic import BaseModel, ConfigDict, Field

from bedplate.domain.guard import Finding, Scrubbed
from bedplate.guards.pii_patterns import FILLER, PATTERNS
from bedplate.guards.protocol import PiiGuard

PiiType = Literal["KEY", "IBAN", "CARD", "SSN", "EMAIL", "IP", "PHONE"]

# Most specific first: it names what several patterns found.
_TYPES: tuple[PiiType, ...] = ("KEY", "IBAN", "CARD", "SSN", "EMAIL", "IP", "PHONE")
_RANK = {name: rank for rank, name in enumerate(_TYPES)}
_REPLACED = re.compile(rf"\[(?:{'|'.join(_TYPES)})\]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_PASSES = 8

_re2: Any = re2


class PatternOptions(BaseModel):
    """`types` are the ones to look for; all by default."""

    model_config = ConfigDict(extra="forbid")
    types: tuple[PiiType, ...] = Field(default=_TYPES, min_length=1)


class PatternGuard:
    def __init__(self, types: Sequence[PiiType]) -> None:
        self._patterns = [pattern for pattern in PATTERNS if pattern.type in types]
        options = _re2.Options()
        options.max_mem = 32 << 20
        options.log_errors = False
        self._triggers = _re2.Set.SearchSet(options)
        for pattern in self._patterns:
            self._triggers.Add(pattern.trigger)
        self._triggers.Compile()
        self._expressions = [
            _re2.compile(pattern.expression, options) for pattern in self._patterns
        ]

    def find(self, text: str) -> tuple[Finding, ...]:
        # RE2 reads UTF-8, which has no surrogates.
        rest = _SURROGATE.sub("\ufffd", text)
        rest = _REPLACED.sub(lambda match: FILLER * len(match[0]), rest)
        found: list[Finding] = []
        # What is found changes what stands beside the rest, so that a second look may find more;
        # with this, scrubbed text holds no findings.
        for _ in range(_PASSES):
            fresh = _merged(sorted(self._candidates(rest), key=lambda f: (f.start, f.end)))
            if not fresh:
                break
            found += fresh
            rest = _filled(rest, fresh)
        return tuple(sorted(found, key=lambda finding: finding.start))

    def scrub(self, text: str) -> Scrubbed:
        findings = self.find(text)
        parts: list[str] = []
        position = 0
        for finding in findings:
            parts += (text[position : finding.start], f"[{finding.type}]")
            position = finding.end
        return Scrubbed("".join((*parts, text[position:])), findings)

    def _candidates(self, text: str) -> Iterator[Finding]:
        hits: Sequence[int] = self._triggers.Match(text) or ()
        for index in hits:
            pattern = self._patterns[index]
            expression = self._expressions[index]
            for match in expression.finditer(text):
                for start, end, score in pattern.check(text, *match.span(expression.groups)):
                    yield Finding(pattern.type, start, end, score)


def _merged(candidates: Sequence[Finding]) -> list[Finding]:
    """Overlapping candidates as one over all of them, so that no part of any stays behind."""
    merged: list[Finding] = []
    for each in candidates:
        if not merged or each.start >= merged[-1].end:
            merged.append(each)
            continue
        last = merged[-1]
        best = min(last, each, key=lambda f: (_RANK[f.type], -f.score))
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
    yield PatternGuard(PatternOptions.model_validate(dict(options)).types)
