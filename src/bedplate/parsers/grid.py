"""Sheets of cells as tables: where each begins, which row names its columns, what stands around it.

A blank row ends a table; so does a blank column, where the tables beside it are plainly others. Every line that comes out carries the names of its columns, so that
whatever passage it lands in can be read, found and quoted without the rest of the sheet.
"""

import datetime
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bedplate.parsers.decode import clean
from bedplate.parsers.outline import Outline
from bedplate.parsers.tables import table_text

MOST_CELLS = 5_000_000
"""Most cells that a sheet may span, empty ones included; past that it is not laid out."""

Value = int | float | str | bool | datetime.time | datetime.date | datetime.timedelta | None

_HEADER_WITHIN = 10
_MOST_UNNAMED = 0.4
_LONGEST_NAME = 120
_AMOUNT = re.compile(r"\W*\d[\d.,'’\s]*\W*(?:[A-Za-z]{1,3})?")
_YEAR = re.compile(r"(?:19|20)\d\d")


@dataclass(frozen=True, slots=True)
class GridCell:
    """A cell's text, and whether it is words rather than a number, a date or a truth value.

    `note` is what somebody remarked on the cell.
    """

    text: str
    words: bool
    note: str = ""

    @property
    def noted(self) -> str:
        """The text with the note behind it."""
        return f"{self.text} [note: {self.note}]".lstrip() if self.note else self.text


_EMPTY = GridCell("", words=False)
_Row = list[GridCell]


def grid_cell(value: Value) -> GridCell:
    """A value as a person would write it plainly: dates in ISO 8601, whole numbers without ".0"."""
    match value:
        case None | "":
            return _EMPTY
        case str():
            return GridCell(" ".join(clean(value).split()), words=True)
        case bool():
            return GridCell("true" if value else "false", words=False)
        case float():
            return GridCell(f"{value:.15g}", words=False)
        case datetime.datetime() if value.time() == datetime.time():
            return GridCell(value.date().isoformat(), words=False)
        case datetime.datetime() | datetime.date() | datetime.time():
            return GridCell(value.isoformat(), words=False)
        case _:
            return GridCell(str(value), words=False)


def add_sheet(outline: Outline, rows: Iterable[_Row], page: int) -> None:
    """Every table of a sheet in turn; rows without cells stand between them."""
    names: list[str] = []
    for filled, run in itertools.groupby(rows, lambda row: any(cell.noted for cell in row)):
        if filled:
            block = list(run)
            width = max(len(row) for row in block)
            for row in block:
                row.extend([_EMPTY] * (width - len(row)))
            if len(parts := _side_by_side(block)) > 1:
                for part in parts:
                    add_sheet(outline, part, page)
                names = []
            else:
                names = _add_table(outline, block, names, page)


def _side_by_side(rows: list[_Row]) -> list[list[_Row]]:
    """The tables that blank columns part, from the left; all as one unless they plainly are others.

    They are if each has a header of its own and they do not all begin and end in the same rows, as
    they would where a blank column only sets a table's own columns apart.
    """
    width = len(rows[0])
    used = [any(row[column].noted for row in rows) for column in range(width)]
    parts: list[list[_Row]] = []
    extents: set[tuple[int, int]] = set()
    for filled, run in itertools.groupby(range(width), lambda column: used[column]):
        columns = list(run)
        if not filled:
            continue
        first, last = columns[0], columns[-1] + 1
        inside = [place for place, row in enumerate(rows) if any(c.noted for c in row[first:last])]
        part = [row[first:last] for row in rows[inside[0] : inside[-1] + 1]]
        if _header_row(part, range(last - first)) != 0:
            return [rows]
        extents.add((inside[0], inside[-1]))
        parts.append(part)
    return parts if len(extents) > 1 else [rows]


def _add_table(outline: Outline, rows: list[_Row], before: list[str], page: int) -> list[str]:
    """Add one table; its column names, which a table below without any may go on with."""
    width = len(rows[0])
    used = [column for column in range(width) if any(row[column].noted for row in rows)]
    place = _header_row(rows, used)
    if place is None:
        names = before if before and _continues(rows, used, before) else []
        body = rows
    else:
        names, leads = _header(rows[: place + 1])
        for row in leads:
            outline.add(table_text([[cell.noted for cell in row]], header=False), page=page)
        # With the names they would be repeated in every row.
        for cell in itertools.chain.from_iterable(rows[len(leads) : place + 1]):
            if cell.note:
                outline.add(f"Note on {cell.text or 'a cell'}: {cell.note}", page=page)
        body = rows[place + 1 :]
    grid = [[cell.noted for cell in row] for row in body]
    if names:
        if place is not None and not all(any(row[c] for row in grid) for c in used if names[c]):
            # A form to fill in: names with nothing below them would be lost.
            outline.add("; ".join(filter(None, names)), "table", page)
        grid.insert(0, names)
    elif all(len([text for text in row if text]) == 1 for row in grid):
        outline.add("\n".join(next(filter(None, row)) for row in grid), page=page)
        return []
    outline.add(table_text(grid, header=bool(names)), "table", page)
    return names


def _header_row(rows: Sequence[_Row], used: Sequence[int]) -> int | None:
    """The first row of words in (nearly) every column that is in use, with rows below it.

    Where everything is words, only a row that fills every column (but the corner) is taken.
    """
    if len(used) < 2:
        return None
    for place, row in enumerate(rows[: min(_HEADER_WITHIN, len(rows) - 1)]):
        filled = [row[column] for column in used if row[column].text]
        if len(filled) < 2 or not all(_is_name(cell, len(used)) for cell in filled):
            continue
        if _groups(row, rows[place + 1], used):
            continue
        missing = [column for column in used if not row[column].text]
        if not missing or (missing == [used[0]] and len(used) > 2):
            return place
        below = any(cell.text and not cell.words for cell in rows[place + 1])
        if below and len(missing) <= _MOST_UNNAMED * len(used):
            return place
    return None


def _groups(row: _Row, below: _Row, used: Sequence[int]) -> bool:
    """Whether names repeat because they stand above the real ones, over several columns each."""
    texts = [row[column].text for column in used if row[column].text]
    names = [below[column] for column in used]
    return len(set(texts)) < len(texts) and all(c.text and _is_name(c, len(used)) for c in names)


def _is_name(cell: GridCell, width: int) -> bool:
    """Whether a cell may name a column: words, no amount; in a wide table also a year."""
    if _YEAR.fullmatch(cell.text):
        return width > 2
    return cell.words and len(cell.text) <= _LONGEST_NAME and not _AMOUNT.fullmatch(cell.text)


def _header(rows: Sequence[_Row]) -> tuple[list[str], Sequence[_Row]]:
    """The names in the last of `rows`, and the rows above that did not become part of them.

    A row of words right above names groups of columns: "2025" over "price" is "2025 price".
    """
    *leads, header = rows
    names = [cell.text for cell in header]
    groups = [cell for cell in leads[-1] if cell.text] if leads else []
    if len(groups) < 2 or not all(cell.words for cell in groups):
        return names, leads
    pairs = zip((cell.text for cell in leads[-1]), names, strict=True)
    joined = [f"{group} {name}" if group and group != name else name for group, name in pairs]
    return joined, leads[:-1]


def _continues(rows: Sequence[_Row], used: Sequence[int], names: Sequence[str]) -> bool:
    """Whether rows stand in columns that were named above: more than one cell each, all named."""
    named = {column for column, name in enumerate(names) if name}
    return (
        len(used) > 1
        and set(used) <= named
        and all(sum(1 for cell in row if cell.text) > 1 for row in rows)
    )
