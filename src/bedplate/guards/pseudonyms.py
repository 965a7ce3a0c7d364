"""Pseudonyms: stand-ins for values, the same for one value throughout a conversation.

They follow from the conversation alone, in the order in which values come up in it: a later turn
that repeats the earlier ones gets the same ones, and nothing is kept between calls.
"""

import re
from collections import Counter

from bedplate.domain.guard import Finding
from bedplate.guards.spans import Scan

PSEUDONYM = "PSEUDONYM"
"""The type of a finding that is a pseudonym."""

MOST = 10_000
"""Values of one conversation; further ones are masked."""

# Models leave out the brackets, or escape the underscore for Markdown.
_WRITTEN = re.compile(r"\[?\b([A-Z][A-Z_]{0,30}?)\\?_(\d{1,5})\b\]?")
_SEPARATORS = re.compile(r"[\s().\-/]+")
_AS_WRITTEN = frozenset({"EMAIL", "KEY", "URL"})
_BREAK = re.compile(r"\s")


class Pseudonyms:
    """The values of one conversation; lives as long as its call."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], str] = {}
        self._values: dict[str, str] = {}
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._values)

    def of(self, type: str, value: str) -> str:
        """What stands for the value, e.g. "[EMAIL_1]"; spelling does not make another value."""
        plain = value if type in _AS_WRITTEN else _SEPARATORS.sub("", value)
        known = (type, plain.casefold())
        name = self._names.get(known)
        if name is None:
            if len(self._values) >= MOST:
                return f"[{type}]"
            self._counts[type] += 1
            name = f"{type}_{self._counts[type]}"
            self._names[known] = name
            self._values[name] = value
        return f"[{name}]"

    def value(self, written: str) -> str:
        """The value that a pseudonym stands for, as it was first written; itself for any other."""
        match = _WRITTEN.fullmatch(written)
        return self._values.get(f"{match[1]}_{match[2]}", written) if match else written

    def holds(self, type: str, value: str) -> bool:
        plain = value if type in _AS_WRITTEN else _SEPARATORS.sub("", value)
        return (type, plain.casefold()) in self._names

    def restoring(self, scan: Scan) -> Scan:
        """A scan that finds the pseudonyms of this conversation beside what `scan` finds.

        One within the address of a page is left as it is: following a link, or showing a picture,
        must not carry the value to somebody else.
        """

        def scan_both(text: str, start: int) -> list[Finding]:
            found = scan(text, start)
            if not self._values:
                return found
            names = [
                Finding(PSEUDONYM, match.start(), match.end())
                for match in _WRITTEN.finditer(text, start)
                if f"{match[1]}_{match[2]}" in self._values and not _in_address(text, match.start())
            ]
            free = [n for n in names if not any(f.start < n.end and n.start < f.end for f in found)]
            return sorted([*found, *free], key=lambda each: each.start)

        return scan_both


def _in_address(text: str, position: int) -> bool:
    word = _BREAK.split(text[max(0, position - 2_048) : position])[-1]
    return "://" in word or "](" in word
