"""Markdown tables in an answer: every row is a claim, read under the headings of its columns."""

import re
from dataclasses import dataclass, field

_ROW = re.compile(r"\s*\|.*\|\s*")
_RULE = re.compile(r"\s*\|(?:\s*:?-{1,200}:?\s*\|){1,100}\s*")

Row = tuple[str, str, int, int]
"""Its text, its headings, and where in the answer it begins and ends."""


def is_row(line: str) -> bool:
    return bool(_ROW.fullmatch(line))


@dataclass(slots=True)
class Table:
    """The first row is held until the next line says whether it is the head."""

    _first: tuple[str, int] | None = None
    _heads: list[str] | None = field(default=None)

    def push(self, line: str, start: int) -> list[Row]:
        """The rows that are known to be rows with this line."""
        if _RULE.fullmatch(line):
            if self._first is not None:
                self._heads, self._first = _cells(self._first[0]), None
            return []
        if self._heads is None and self._first is None:
            self._first = (line, start)
            return []
        held = self._held()
        return [*held, _row(line, start, self._heads or [])]

    def finish(self) -> list[Row]:
        """The row that is still held; the table ends here."""
        held, self._heads = self._held(), None
        return held

    def _held(self) -> list[Row]:
        first, self._first = self._first, None
        if first is None:
            return []
        self._heads = self._heads or []
        return [_row(*first, [])]


def _row(line: str, start: int, heads: list[str]) -> Row:
    cells = _cells(line)
    if len(heads) == len(cells):
        named = [
            f"{head}: {cell}" if head else cell for head, cell in zip(heads, cells, strict=True)
        ]
        said = [each for each, cell in zip(named, cells, strict=True) if cell]
    else:
        said = [cell for cell in cells if cell]
    return "; ".join(said), "; ".join(filter(None, heads)), start, start + len(line.rstrip())


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
