"""Tables as lines of text that can be read, found and quoted one by one."""

from collections.abc import Sequence
from dataclasses import dataclass

_MOST_COLUMNS = 200


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell and how many columns and rows of the grid it covers."""

    text: str
    columns: int = 1
    rows: int = 1


def spread(rows: Sequence[Sequence[Cell]]) -> list[list[str]]:
    """The grid under merged cells, so that each row can be read without the others.

    A cell that covers several rows stands in each of them. One that covers several columns stands
    in the first, or, in the first row, in all: there it is the name of all of them.
    """
    grid: list[list[str]] = []
    reaching: dict[int, tuple[str, int]] = {}
    for row in rows:
        line: list[str] = []
        further: dict[int, tuple[str, int]] = {}
        cells = iter(row)
        while True:
            if len(line) in reaching:
                text, left = reaching[len(line)]
                if left > 1:
                    further[len(line)] = text, left - 1
                line.append(text)
                continue
            cell = next(cells, None)
            if cell is None:
                break
            for offset in range(min(cell.columns, _MOST_COLUMNS - len(line))):
                text = cell.text if offset == 0 or not grid else ""
                if cell.rows > 1:
                    further[len(line)] = text, cell.rows - 1
                line.append(text)
        reaching = further
        grid.append(line)
    return grid


def has_header(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row names the columns: nothing says so, but it is wide and full.

    The corner of a table that has names on two sides may be empty.
    """
    widest = max((len(row) for row in rows), default=0)
    if len(rows) < 2 or len(rows[0]) != widest or widest < 2:
        return False
    return all(rows[0]) or (widest > 2 and all(rows[0][1:]))


def table_text(rows: Sequence[Sequence[str]], *, header: bool) -> str:
    """A table as lines: "header: cell; header: cell".

    Without a header a row of two cells is "name: value", a longer one its cells in order.
    """
    tidy = [[" ".join(cell.split()) for cell in row] for row in rows]
    tidy = [row for row in tidy if any(row)]
    if not header or len(tidy) < 2:
        return "\n".join(_bare_row(row) for row in tidy)
    names = tidy[0]
    return "\n".join(
        "; ".join(
            f"{names[place]}: {cell}" if place < len(names) and names[place] else cell
            for place, cell in enumerate(row)
            if cell
        )
        for row in tidy[1:]
    )


def _bare_row(row: Sequence[str]) -> str:
    if len(row) == 2 and all(row) and not row[0].endswith(":"):
        return f"{row[0]}: {row[1]}"
    separator = " " if len(row) == 2 else "; "
    return separator.join(cell for cell in row if cell)
