"""Numbers of Word's lists and headings (ISO/IEC 29500-1, 17.9), which no text holds: "2.3.1"."""

# lxml carries no type information; what is taken from an element is given its type here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import re
from collections.abc import Mapping
from dataclasses import dataclass

from docx.oxml.ns import qn

from bedplate.parsers.package import Element

DEEPEST = 8
BULLET = "-"

_PLACE = re.compile(r"%([1-9])")
_LONGEST_LABEL = 40
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"),
          (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
_MOST_ROMAN, _MOST_LETTERS = 3_999, 26 * 4


@dataclass(frozen=True, slots=True)
class _Level:
    start: int = 1
    format: str = "bullet"
    text: str = ""
    legal: bool = False
    restarts: bool = True


class Numbers:
    """Counts along a document: each paragraph of a list moves its list's counters."""

    def __init__(self, root: Element | None) -> None:
        """`root` is the part word/numbering.xml, where there is one."""
        levels: dict[str, dict[int, _Level]] = {}
        self._lists: dict[str, tuple[str, Mapping[int, _Level]]] = {}
        self._starts: dict[str, dict[int, int]] = {}
        self._counts: dict[str, dict[int, int]] = {}
        for element in () if root is None else root.findall(qn("w:abstractNum")):
            levels[element.get(qn("w:abstractNumId"), "")] = _levels(element)
        for element in () if root is None else root.findall(qn("w:num")):
            number = element.get(qn("w:numId"), "")
            family = _value(element.find(qn("w:abstractNumId")))
            own, starts = dict(levels.get(family, {})), dict[int, int]()
            for override in element.findall(qn("w:lvlOverride")):
                own.update(_levels(override))
                start = _number(override.find(qn("w:startOverride")), -1)
                if start >= 0:
                    starts[_depth(override)] = start
            self._lists[number] = family, own
            self._starts[number] = starts

    def label(self, number: str, depth: int) -> str:
        """The next label at that depth, from 0, of the list `number`; BULLET where it has none."""
        family, levels = self._lists.get(number, ("", {}))
        level = levels.get(depth)
        if level is None or level.format == "bullet":
            return BULLET
        counts = self._counts.setdefault(family, {})
        if (start := self._starts[number].pop(depth, None)) is not None:
            counts[depth] = start
        elif depth in counts:
            counts[depth] += 1
        else:
            counts[depth] = level.start
        for deeper in [place for place in counts if place > depth]:
            if levels.get(deeper, level).restarts:
                del counts[deeper]
        if level.format == "none":
            return BULLET

        def shown(place: re.Match[str]) -> str:
            at = int(place.group(1)) - 1
            there = levels.get(at, level)
            format = "decimal" if level.legal else there.format
            return _written(counts.get(at, there.start), format)

        return _PLACE.sub(shown, level.text).strip()[:_LONGEST_LABEL] or BULLET


def _levels(parent: Element) -> dict[int, _Level]:
    return {
        _depth(element): _Level(
            start=_number(element.find(qn("w:start")), 1),
            format=_value(element.find(qn("w:numFmt"))) or "decimal",
            text=_value(element.find(qn("w:lvlText"))),
            legal=element.find(qn("w:isLgl")) is not None,
            restarts=_value(element.find(qn("w:lvlRestart"))) != "0",
        )
        for element in parent.findall(qn("w:lvl"))
    }


def _depth(element: Element) -> int:
    written = element.get(qn("w:ilvl"), "0")
    return min(int(written), DEEPEST) if written.isascii() and written.isdigit() else 0


def _value(element: Element | None) -> str:
    return "" if element is None else element.get(qn("w:val"), "")


def _number(element: Element | None, absent: int) -> int:
    written = _value(element)
    return int(written) if written.isascii() and written.isdigit() and len(written) < 9 else absent


def _written(count: int, format: str) -> str:
    if format in {"lowerLetter", "upperLetter"} and 0 < count <= _MOST_LETTERS:
        # After z Word goes on with aa, bb, cc.
        text = chr(ord("a") + (count - 1) % 26) * ((count - 1) // 26 + 1)
    elif format in {"lowerRoman", "upperRoman"} and 0 < count <= _MOST_ROMAN:
        text = _roman(count)
    else:
        text = f"{count:02}" if format == "decimalZero" else str(count)
    return text.upper() if format.startswith("upper") else text


def _roman(count: int) -> str:
    text = ""
    for value, letters in _ROMAN:
        times, count = divmod(count, value)
        text += letters * times
    return text
