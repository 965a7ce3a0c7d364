"""Finders of what an operator names: blocked terms, and the words of the instructions themselves."""

import re
from collections.abc import Iterator, Sequence

from bedplate.domain.guard import Finding
from bedplate.guards.spans import Finder

TERM = "TERM"
INSTRUCTIONS = "INSTRUCTIONS"

_WORD = re.compile(r"\w+")


def lowered(text: str) -> str:
    """Small letters and plain spaces, sign for sign."""
    if text.isascii():
        return text.lower().translate(_SPACES)
    return "".join(
        " " if sign.isspace() else small if len(small := sign.lower()) == 1 else sign
        for sign in text
    )


_SPACES = str.maketrans("\t\n\r\f\v", "     ")


class Terms:
    """Whole words and phrases, at least one, whatever their case. Held back is at most the longest of them."""

    def __init__(self, terms: Sequence[str]) -> None:
        plain: list[str] = sorted(
            {lowered(term.strip()) for term in terms if term.strip()}, key=len
        )
        self._beginnings = {term[:size] for term in plain for size in range(1, len(term) + 1)}
        self._longest = max(map(len, plain))
        either = "|".join(map(re.escape, reversed(plain)))
        self._found: re.Pattern[str] = re.compile(rf"(?<!\w)(?:{either})(?!\w)")
        self._text: str = ""
        self._before: str = " "
        self._at = 0

    @property
    def settled(self) -> int:
        return self._at

    def push(self, text: str) -> list[Finding]:
        self._text += lowered(text)
        return self._advance(final=False)

    def finish(self) -> list[Finding]:
        return self._advance(final=True)

    def _advance(self, *, final: bool) -> list[Finding]:
        text = self._before + self._text
        position = 1
        found: list[Finding] = []
        hold = len(text) if final else self._open(text, position)
        while match := self._found.search(text, position):
            if match.start() >= hold:
                break
            shift = self._at - 1
            found.append(Finding(TERM, match.start() + shift, match.end() + shift))
            position = match.end()
            hold = len(text) if final else self._open(text, position)
        settled = max(position, hold)
        self._before, self._text = text[settled - 1], text[settled:]
        self._at += settled - 1
        return found

    def _open(self, text: str, first: int) -> int:
        """Where a term may have begun that goes on behind the text, or ends with it."""
        for start in range(max(first, len(text) - self._longest), len(text)):
            apart = not (text[start - 1].isalnum() or text[start - 1] == "_")
            if text[start:] in self._beginnings and (apart or not _WORD.match(text[start])):
                return start
        return len(text)


class Instructions:
    """`least` words of the instructions in a row, whatever signs are between them.

    Held back is as much of them as was said so far.
    """

    def __init__(self, instructions: str, least: int) -> None:
        words = _WORD.findall(lowered(instructions))
        self._least = least
        self._places: dict[str, list[int]] = {}
        for number, word in enumerate(words):
            self._places.setdefault(word, []).append(number)
        self._runs: dict[int, tuple[int, int]] = {}
        self._text = ""
        self._read_to = 0
        self._at = 0
        self._leak: tuple[int, int] | None = None

    @property
    def settled(self) -> int:
        return self._at

    def push(self, text: str) -> list[Finding]:
        self._text += lowered(text)
        return list(self._advance(final=False))

    def finish(self) -> list[Finding]:
        return list(self._advance(final=True))

    def _advance(self, *, final: bool) -> Iterator[Finding]:
        """Words are read once; `_text` begins where the next unread one may."""
        read, base = 0, self._read_to
        for match in _WORD.finditer(self._text):
            if match.end() == len(self._text) and not final:
                break
            yield from self._word(match[0], base + match.start(), base + match.end())
            read = match.end()
        self._text = self._text[read:]
        self._read_to = base + read
        if final:
            yield from self._end_leak()
            self._at = self._read_to + len(self._text)
            return
        word = _WORD.search(self._text)
        unread = self._read_to + (word.start() if word else len(self._text))
        begun = [start for _, start in self._runs.values()]
        self._at = min(unread, *begun, self._leak[0] if self._leak else unread, unread)

    def _word(self, word: str, start: int, end: int) -> Iterator[Finding]:
        runs: dict[int, tuple[int, int]] = {}
        for place in self._places.get(word, ()):
            length, begun = self._runs.get(place - 1, (0, start))
            runs[place] = (length + 1, begun)
        self._runs = runs
        long = [begun for length, begun in runs.values() if length >= self._least]
        if long:
            first = min(long) if self._leak is None else min(self._leak[0], *long)
            self._leak = (first, end)
        else:
            yield from self._end_leak()

    def _end_leak(self) -> Iterator[Finding]:
        if self._leak is not None:
            yield Finding(INSTRUCTIONS, *self._leak)
            self._leak = None


class Several:
    """Finders side by side: what any finds is found, and what overlaps is one, named by the first."""

    def __init__(self, finders: Sequence[Finder]) -> None:
        self._finders = tuple(finders)
        self._pending: list[tuple[int, Finding]] = []
        self._at = 0

    @property
    def settled(self) -> int:
        return self._at

    def push(self, text: str) -> list[Finding]:
        return self._merged([finder.push(text) for finder in self._finders])

    def finish(self) -> list[Finding]:
        return self._merged([finder.finish() for finder in self._finders])

    def _merged(self, fresh: Sequence[Sequence[Finding]]) -> list[Finding]:
        for rank, findings in enumerate(fresh):
            self._pending += ((rank, finding) for finding in findings)
        settled = min(finder.settled for finder in self._finders)
        joined: list[tuple[int, Finding]] = []
        for rank, found in sorted(self._pending, key=lambda p: (p[1].start, p[0])):
            if joined and found.start < joined[-1][1].end:
                other, last = joined[-1]
                best = found if rank < other and found.type else last
                joined[-1] = (
                    min(rank, other),
                    Finding(best.type, last.start, max(last.end, found.end), best.score),
                )
            else:
                joined.append((rank, found))
        # What reaches behind `settled` may still grow together with something.
        done = [(rank, found) for rank, found in joined if found.end <= settled]
        self._pending = [(rank, found) for rank, found in joined if found.end > settled]
        self._at = min([settled, *(found.start for _, found in self._pending)])
        return [found for _, found in done]
