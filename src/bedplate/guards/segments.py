"""Segments: the stretches of a text that a model reads at once, cut alike however the text comes."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from bedplate.domain.guard import Finding
from bedplate.guards.spans import Finder

PARAGRAPH = 80
SENTENCE = 240
"""Characters from which on a segment ends at a blank line, or with a sentence or line."""
LONGEST = 400
"""Characters of a segment; it is cut at a space where that leaves half of it."""
NAME = 60
"""Characters said ahead of a text, such as the name of a field, that its first segment is read with."""

_END = re.compile(r"\n[^\S\n]*\n\s*|\n[^\S\n]*|(?<=[^\W\d_]{4})[.!?][\"'\u201d)\]]*\s+|[。！？]\s*")
_BLANK = re.compile(r"\n[^\S\n]*\n")

Tags = Callable[[str], Sequence[Finding]]
"""What a model finds in a short text: apart and in order."""
Resolve = Callable[[str, Sequence[Finding], Sequence[Finding]], list[Finding]]
"""One of both kinds of findings in a segment; what reaches behind the segment stays as it is."""


def segment_end(text: str, start: int, *, final: bool) -> int | None:
    """Where the segment ends that begins at `start`; None where more text could change that.

    At most `LONGEST` behind the start. `final` says that no more comes.
    """
    if not final and not _may_end(text, start):
        return None
    limit = start + LONGEST
    for match in _END.finditer(text, start, limit):
        if match.end() == len(text) and match.end() < limit and not final:
            return None
        least = PARAGRAPH if _BLANK.search(match[0]) else SENTENCE
        if match.end() - start >= least:
            return match.end()
    if len(text) < limit:
        return len(text) if final else None
    # A word that goes on behind the limit belongs to the next segment.
    return max(text.rfind(" ", start + LONGEST // 2, limit) + 1, 0) or limit


def _may_end(text: str, start: int) -> bool:
    """Whether what is there of a segment can hold its end: most pieces of a stream say no at once."""
    length = len(text) - start
    return length > SENTENCE or (length > PARAGRAPH and text.find("\n", start) >= 0)


def cut(text: str) -> Iterator[tuple[int, int]]:
    """Where the segments of a whole text begin and end; at least one, which may be empty."""
    start = 0
    while start < len(text) or not start:
        end = segment_end(text, start, final=True)
        yield start, end or 0
        start = end or len(text) or 1


class Segments:
    """What `inner` finds block by block, and `tags` in segments, as `resolve` makes one of both.

    Not settled is at most a segment, and what `inner` has not settled.
    """

    def __init__(self, inner: Finder, tags: Tags, resolve: Resolve, before: str = "") -> None:
        self._inner = inner
        self._tags = tags
        self._resolve = resolve
        self._before = before[-NAME:]
        self._text = ""
        self._at = 0
        self._shaped: list[Finding] = []

    @property
    def settled(self) -> int:
        return self._at

    def push(self, text: str) -> list[Finding]:
        self._text += text
        self._shaped += self._inner.push(text)
        return list(self._advance(final=False))

    def finish(self) -> list[Finding]:
        self._shaped += self._inner.finish()
        return list(self._advance(final=True))

    def _advance(self, *, final: bool) -> Iterator[Finding]:
        done = 0
        while done < len(self._text):
            end = segment_end(self._text, done, final=final)
            if end is None or (not final and self._inner.settled < self._at + end - done):
                break
            stop = self._at + end - done
            shaped = self._taken(stop)
            yield from self._found(self._text[done:end], shaped)
            # A value that crosses the border is whole, and the next segment begins behind it.
            reached = max([stop, *(each.end for each in shaped)])
            done, self._at = done + reached - self._at, reached
        self._text = self._text[done:]

    def _taken(self, stop: int) -> list[Finding]:
        """Shaped findings that begin before `stop`; one that only goes on is cut there."""
        taken: list[Finding] = []
        while self._shaped and self._shaped[0].start < stop:
            first = self._shaped.pop(0)
            if not first.type and first.end > stop:
                self._shaped.insert(0, replace(first, start=stop))
                first = replace(first, end=stop)
            taken.append(first)
        return taken

    def _found(self, segment: str, shaped: Sequence[Finding]) -> list[Finding]:
        before, self._before = self._before, ""
        tagged = [
            replace(each, start=max(0, each.start - len(before)), end=each.end - len(before))
            for each in self._tags(before + segment)
            if each.end > len(before)
        ]
        near = [replace(f, start=f.start - self._at, end=f.end - self._at) for f in shaped]
        return [
            replace(f, start=f.start + self._at, end=f.end + self._at)
            for f in self._resolve(segment, near, tagged)
        ]
