"""Workbooks (XLSX, XLSM, XLSB and XLS before 2007) by calamine: one section a sheet.

Formulas give the values that were stored with them. Numbers and dates are written as their format
shows them, and notes stand with their cells; XLSB and XLS give plain values, and no notes.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, time, timedelta
from typing import cast

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetMetadata,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from bedplate.domain.documents import Blob, Failure, MetadataValue, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.date_format import shown_moment
from bedplate.parsers.grid import MOST_CELLS, GridCell, Value, add_sheet, grid_cell
from bedplate.parsers.number_format import shown
from bedplate.parsers.outline import Outline
from bedplate.parsers.package import Package
from bedplate.parsers.panics import is_panic
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.sheet_xml import SheetXml, read_sheets

VERSION = "xlsx/3"

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_XLS = "application/vnd.ms-excel"
_BROKEN = (CalamineError, OSError, ValueError, IndexError, OverflowError)


def read_xlsx(blob: Blob, limits: ParseLimits) -> Parsed:
    """Sheets as pages, hidden ones marked; a sheet that cannot be read fails alone."""
    with Package(blob, limits.expanded) as package:
        title, metadata = package.properties()
        sheets = dict(read_sheets(package))
    return _read(blob, limits, _XLSX, title, metadata, sheets)


def read_xls(blob: Blob, limits: ParseLimits) -> Parsed:
    if not blob.content:
        raise Unreadable(f"{blob.source!r} is empty.", reason="empty")
    return _read(blob, limits, _XLS, None, {}, {})


def _read(
    blob: Blob,
    limits: ParseLimits,
    media_type: str,
    title: str | None,
    metadata: dict[str, MetadataValue],
    described: Mapping[str, SheetXml],
) -> Parsed:
    outline = Outline(blob, limits.characters)
    failures: list[Failure] = []
    workbook = _open(blob)
    sheets: Sequence[SheetMetadata] = workbook.sheets_metadata
    if len(sheets) > limits.pages:
        raise TooLarge(
            f"{blob.source!r} has {len(sheets):,} sheets; the limit on pages is {limits.pages:,}."
        )
    for page, sheet in enumerate(sheets, 1):
        if sheet.typ in (SheetTypeEnum.ChartSheet, SheetTypeEnum.Vba):
            continue
        about = described.get(sheet.name, SheetXml())
        try:
            # Before the library is asked: it lays a sheet out whole, or aborts.
            _check_span(sheet.name, about.height, about.width)
            rows = _laid_out(workbook, sheet.name, about)
        except Unreadable as error:
            failures.append(Failure(f"{blob.source}#{sheet.name}", error.reason, str(error)))
            continue
        if rows:
            hidden = sheet.visible is not SheetVisibleEnum.Visible
            outline.heading(sheet.name + (" (hidden sheet)" if hidden else ""), 1, page)
            add_sheet(outline, rows, page)
    if failures and not outline.blocks:
        raise Unreadable(failures[0].message, reason=failures[0].code)
    parsed = outline.parsed(
        VERSION, media_type, title=title, metadata=metadata, pages=len(sheets) or None
    )
    return Parsed(parsed.documents, tuple(failures), parsed.warnings)


def _open(blob: Blob) -> CalamineWorkbook:
    try:
        return CalamineWorkbook.from_filelike(io.BytesIO(blob.content))
    except PasswordError as error:
        raise Unreadable(
            f"{blob.source!r} is encrypted and wants a password; save it without one.",
            reason="encrypted",
        ) from error
    except _BROKEN as error:
        raise _malformed(blob.source, error) from error
    except BaseException as error:
        if is_panic(error):
            raise _malformed(blob.source, error) from error
        raise


def _malformed(name: str, error: BaseException) -> Unreadable:
    return Unreadable(f"{name!r} is no valid workbook: {error}", reason="malformed")


def _laid_out(workbook: CalamineWorkbook, name: str, about: SheetXml) -> list[list[GridCell]]:
    try:
        return list(_rows(workbook.get_sheet_by_name(name), name, about))
    except _BROKEN as error:
        raise _malformed(name, error) from error
    except BaseException as error:
        if is_panic(error):
            raise _malformed(name, error) from error
        raise


def _rows(sheet: CalamineSheet, name: str, about: SheetXml) -> Iterator[list[GridCell]]:
    _check_span(name, sheet.height, sheet.width)
    # The library's rows count from the sheet's first; its columns from the first with a value.
    _, first_column = sheet.start or (0, 0)
    merges = _Merges(sheet)
    notes = dict(about.notes)
    for place, values in enumerate(sheet.iter_rows()):
        # The stub's element type is a part of what is taken.
        row = [cast(Value, value) for value in values]
        formats = dict(about.formats(place))
        cells = [
            _cell(value, formats.get(column, ""), notes.pop((place, column), ""))
            for column, value in enumerate(row, first_column)
        ]
        merges.fill(place, cells)
        yield cells
    for (row, column), note in sorted(notes.items()):
        yield []
        yield [GridCell(f"Note on {_letters(column)}{row + 1}: {note}", words=True)]


def _cell(value: Value, code: str, note: str) -> GridCell:
    """The value as its format shows it, or plainly where the format is none that is understood."""
    text = None
    if isinstance(value, date | time | timedelta):
        text = shown_moment(value, code) if code else None
    elif isinstance(value, int | float) and not isinstance(value, bool):
        text = shown(value, code)
    cell = grid_cell(value) if text is None else GridCell(text, words=False)
    return replace(cell, note=note) if note else cell


def _letters(column: int) -> str:
    """A column, counted from 0, as a workbook names it."""
    name = ""
    while column >= 0:
        name = chr(65 + column % 26) + name
        column = column // 26 - 1
    return name


class _Merges:
    """The merged cells of a sheet, filled in while its rows go by.

    A cell over several rows stands in each of them. Cells over several columns of one row are
    spread only where there is more than one: they name groups of columns. One alone is a caption.
    """

    def __init__(self, sheet: CalamineSheet) -> None:
        _, first_column = sheet.start or (0, 0)
        self._across: dict[int, list[tuple[int, int]]] = {}
        self._down: dict[int, list[tuple[int, int]]] = {}
        self._reaching: dict[int, tuple[GridCell, int]] = {}
        for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
            column = left - first_column
            if column < 0:
                continue
            if top == bottom:
                self._across.setdefault(top, []).append((column, right - first_column))
            else:
                self._down.setdefault(top, []).append((column, bottom - top))

    def fill(self, place: int, row: list[GridCell]) -> None:
        for column, (cell, left) in list(self._reaching.items()):
            if column < len(row) and not row[column].text:
                row[column] = cell
            self._reaching[column] = cell, left - 1
            if left == 1:
                del self._reaching[column]
        for column, reach in self._down.get(place, ()):
            if column < len(row):
                self._reaching[column] = replace(row[column], note=""), reach
        spans = self._across.get(place, ())
        for left, right in spans if len(spans) > 1 else ():
            if left < len(row):
                rest = len(row[left + 1 : right + 1])
                row[left + 1 : right + 1] = [replace(row[left], note="")] * rest


def _check_span(name: str, height: int, width: int) -> None:
    if height * width > MOST_CELLS:
        raise Unreadable(
            f"The sheet {name!r} spans {height:,} rows and {width:,} columns, over "
            f"{MOST_CELLS:,} cells; delete what stands far away from the rest, or split it.",
            reason="too_large",
        )
