"""Citation markers in a stream: what leaves has only markers that resolve."""

import re
from collections.abc import Collection

# "[1]", "[1, 2]", and the full-width brackets some models write. Every repeat is bounded, so that
# a marker has a greatest length and no text takes more than linear time.
_MARKER = re.compile(r"[\[\u3010](\d{1,3}(?:\s{0,2}[,;]\s{0,2}\d{1,3}){0,9})[\]\u3011]")
_SPACED = re.compile(r"\s{0,2}" + _MARKER.pattern)
_UNFINISHED = re.compile(r"\s{0,2}(?:[\[\u3010][\d\s,;]*)?\Z")
LONGEST_MARKER = 80
_NUMBER = re.compile(r"\d+")


class MarkerFilter:
    """Lets text through as it comes, but holds back an end that may still become a marker.

    Every marker is written as "[n]"; numbers that no passage has are dropped, and so is the space
    before a marker of which nothing is left. However the text is cut into pieces, what leaves in
    all is the same.
    """

    def __init__(self, numbers: Collection[int]) -> None:
        self._numbers = frozenset(numbers)
        self._held = ""

    def push(self, text: str) -> str:
        """The part that is final now."""
        self._held += text
        start = max(0, len(self._held) - LONGEST_MARKER)
        match = _UNFINISHED.search(self._held, start)
        safe = match.start() if match else len(self._held)
        ready, self._held = self._held[:safe], self._held[safe:]
        return self._resolve(ready)

    def finish(self) -> str:
        """The rest."""
        ready, self._held = self._held, ""
        return self._resolve(ready)

    def _resolve(self, text: str) -> str:
        return _SPACED.sub(self._rewrite, text)

    def _rewrite(self, match: re.Match[str]) -> str:
        numbers = [int(number) for number in _NUMBER.findall(match.group(1))]
        kept = "".join(f"[{number}]" for number in numbers if number in self._numbers)
        space = match.group()[: len(match.group()) - len(match.group().lstrip())]
        return space + kept if kept else ""


def cited(text: str) -> list[tuple[int, int, int]]:
    """Every marker as (number, start, end) in order."""
    return [
        (int(number.group()), match.start(), match.end())
        for match in _MARKER.finditer(text)
        for number in _NUMBER.finditer(match.group())
    ]


def without_markers(text: str) -> str:
    return _SPACED.sub("", text)
