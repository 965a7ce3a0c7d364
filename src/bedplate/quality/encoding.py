"""What decoding a file did to it: said in a parser's warnings, and read from them again.

Warnings are the one thing that parsers of every format pass on of it.
"""

import re
from collections.abc import Iterable

from bedplate.domain.quality import Encoding

_GUESSED = re.compile(r"The encoding was guessed to be (\S+)\.$")
_REPAIRED = re.compile(r"(\d+) lines had been decoded wrongly before and were repaired\.$")
_UNREADABLE = re.compile(r"(\d+) places could not be read as \S+ and are marked U\+FFFD\.$")


def guessed(encoding: str) -> str:
    return f"The encoding was guessed to be {encoding}."


def repaired(lines: int) -> str:
    return f"{lines} lines had been decoded wrongly before and were repaired."


def unreadable(places: int, encoding: str) -> str:
    return f"{places} places could not be read as {encoding} and are marked U+FFFD."


def encoding_of(warnings: Iterable[str]) -> Encoding:
    """What these warnings say of it; a name before a sentence is passed over."""
    name, lines, places = None, 0, 0
    for warning in warnings:
        if found := _GUESSED.search(warning):
            name = found[1]
        elif found := _REPAIRED.search(warning):
            lines += int(found[1])
        elif found := _UNREADABLE.search(warning):
            places += int(found[1])
    return Encoding(name, lines, places)
