"""Findings of a text that may still grow: settled block by block, the same however it comes."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Protocol

from bedplate.domain.guard import Finding
from bedplate.guards.blocks import FILLER, OVERLAP, WINDOW, block_end, next_word, word_end

CONTEXT = 96
"""Characters before a block that tell what it is."""

_BREAK = re.compile(r"\s")


class Scan(Protocol):
    """Findings in `text` from `start` on, apart and in order; what is before is context alone."""

    def __call__(self, text: str, start: int) -> list[Finding]: ...


class Finder(Protocol):
    """Reads a text in pieces; offsets count from the start of the whole.

    A finding without a type goes on with the one before it, where a value is longer than is held.
    """

    @property
    def settled(self) -> int:
        """Characters whose findings are known, and have been given."""
        ...

    def push(self, text: str) -> list[Finding]:
        """The findings that are settled by now, apart and in order."""
        ...

    def finish(self) -> list[Finding]:
        """The rest of them: no more text comes."""
        ...


OpenFinder = Callable[[str], Finder]
"""A finder for one text; it is given what was said ahead of it, such as the name of a field."""


class Spans:
    """Looks at one block after the other. What is not settled is at most a window, or a private key, and the shortest that can be: a word
    or number that goes on, or one that what follows may belong to.
    """

    def __init__(self, scan: Scan, before: str = "") -> None:
        self._scan = scan
        self._before = before[-CONTEXT - 1 :]
        self._text = ""
        self.settled = 0
        self._goes_on = False

    def push(self, text: str) -> list[Finding]:
        self._text += text
        if not self._goes_on and next_word(self._text, 0) == len(self._text):
            # Plain words alone, as most of what a model says.
            self._pass(self._text, 0, len(self._text))
            self.settled += len(self._text)
            self._text = ""
            return []
        return self._advance(final=False)

    def finish(self) -> list[Finding]:
        return self._advance(final=True)

    def _advance(self, *, final: bool) -> list[Finding]:
        text, position = self._text, 0
        settled: list[Finding] = []
        while position < len(text):
            if self._goes_on:
                end = word_end(text, position)
                if end > position:
                    settled.append(Finding("", position, end, 0.0))
                self._pass(text, position, end, FILLER)
                self._goes_on = end == len(text)
                position = end
                continue
            start = next_word(text, position)
            self._pass(text, position, start)
            position = start
            end = block_end(text, position, final=final) if position < len(text) else None
            if end is None:
                break
            findings, end = self._settle(text, position, end)
            settled += findings
            for found in findings:
                self._pass(text, position, found.start)
                self._pass(text, found.start, found.end, FILLER)
                position = found.end
            self._pass(text, position, end)
            position = end
        self._text = text[position:]
        shifted = [
            replace(f, start=f.start + self.settled, end=f.end + self.settled) for f in settled
        ]
        self.settled += position
        return shifted

    def _settle(self, text: str, start: int, end: int) -> tuple[list[Finding], int]:
        """The findings of a block, and how far of it they are known."""
        context = self._context()
        shift = start - len(context)
        findings = [
            Finding(found.type, found.start + shift, found.end + shift, found.score)
            for found in self._scan(context + text[start:end], len(context))
        ]
        if end - start != WINDOW:
            return findings, end
        target = end - OVERLAP
        cut = (text.rfind(" ", start + WINDOW // 2, target) + 1) or target
        across = next((f for f in findings if f.start < cut < f.end), None)
        if across is not None:
            cut = across.start if across.start > start else across.end
            self._goes_on = cut == end
        return [found for found in findings if found.end <= cut], cut

    def _context(self) -> str:
        before = self._before.rpartition(FILLER)[2]
        if len(before) <= CONTEXT:
            return before
        # A word that is cut looks like another.
        first = _BREAK.search(before)
        return before[first.end() :] if first else ""

    def _pass(self, text: str, start: int, end: int, sign: str = "") -> None:
        if end > start:
            room = CONTEXT + 1
            passed = sign or text[max(start, end - room) : end]
            self._before = (self._before + passed)[-room:]


def joined(finder: Finder, text: str) -> Iterator[Finding]:
    """All findings of a text, each whole."""
    last: Finding | None = None
    for found in (*finder.push(text), *finder.finish()):
        if not found.type and last is not None:
            last = replace(last, end=found.end)
            continue
        if last is not None:
            yield last
        last = found
    if last is not None:
        yield last
