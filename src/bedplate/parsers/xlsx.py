"""Workbooks (XLSX, XLSM, XLSB and XLS before 2007) by calamine: one section a sheet.

Formulas give the values that were stored with them. Number formats are not kept: 25 % is 0.25.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import cast
from xml.parsers import expat

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
from bedplate.parsers.grid import MOST_CELLS, GridCell, Value, add_sheet, grid_cell
from bedplate.parsers.outline import Outline
from bedplate.parsers.package import Package
from bedplate.parsers.panics import is_panic
from bedplate.parsers.protocol import ParseLimits

VERSION = "xlsx/1"

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_XLS = "application/vnd.ms-excel"
_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_BROKEN = (CalamineError, OSError, ValueError, IndexError, OverflowError)


def read_xlsx(blob: Blob, limits: ParseLimits) -> Parsed:
    """Sheets as pages, hidden ones marked; a sheet that cannot be read fails alone."""
    with Package(blob, limits.expanded) as package:
        title, metadata = package.properties()
        refused = dict(_refused(package))
    return _read(blob, limits, _XLSX, title, metadata, refused)


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
    refused: dict[str, str],
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
        if message := refused.get(sheet.name):
            failures.append(Failure(f"{blob.source}#{sheet.name}", "too_large", message))
            continue
        try:
            rows = _laid_out(workbook, sheet.name)
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


def _laid_out(workbook: CalamineWorkbook, name: str) -> list[list[GridCell]]:
    try:
        return list(_rows(workbook.get_sheet_by_name(name), name))
    except _BROKEN as error:
        raise _malformed(name, error) from error
    except BaseException as error:
        if is_panic(error):
            raise _malformed(name, error) from error
        raise


def _rows(sheet: CalamineSheet, name: str) -> Iterator[list[GridCell]]:
    if sheet.height * sheet.width > MOST_CELLS:
        raise Unreadable(_too_wide(name, sheet.height, sheet.width), reason="too_large")
    merges = _Merges(sheet)
    for place, values in enumerate(sheet.iter_rows()):
        # The stub's element type is a part of what grid_cell takes.
        row = [grid_cell(cast(Value, value)) for value in values]
        merges.fill(place, row)
        yield row


class _Merges:
    """The merged cells of a sheet, filled in while its rows go by.

    A cell over several rows stands in each of them. Cells over several columns of one row are
    spread only where there is more than one: they name groups of columns. One alone is a caption.
    """

    def __init__(self, sheet: CalamineSheet) -> None:
        first_row, first_column = sheet.start or (0, 0)
        self._across: dict[int, list[tuple[int, int]]] = {}
        self._down: dict[int, list[tuple[int, int]]] = {}
        self._reaching: dict[int, tuple[GridCell, int]] = {}
        for (top, left), (bottom, right) in sheet.merged_cell_ranges or ():
            row, column = top - first_row, left - first_column
            if column < 0:
                continue
            if top == bottom:
                self._across.setdefault(row, []).append((column, right - first_column))
            else:
                self._down.setdefault(row, []).append((column, bottom - top))

    def fill(self, place: int, row: list[GridCell]) -> None:
        for column, (cell, left) in list(self._reaching.items()):
            if column < len(row) and not row[column].text:
                row[column] = cell
            self._reaching[column] = cell, left - 1
            if left == 1:
                del self._reaching[column]
        for column, reach in self._down.get(place, ()):
            if column < len(row):
                self._reaching[column] = row[column], reach
        spans = self._across.get(place, ())
        for left, right in spans if len(spans) > 1 else ():
            if left < len(row):
                row[left : right + 1] = [row[left]] * len(row[left : right + 1])


def _too_wide(name: str, height: int, width: int) -> str:
    return (
        f"The sheet {name!r} spans {height:,} rows and {width:,} columns, over {MOST_CELLS:,} "
        "cells; delete what stands far away from the rest, or split it."
    )


def _refused(package: Package) -> Iterator[tuple[str, str]]:
    """Sheets that are not touched, with the reason: the library lays a sheet out whole, or aborts."""
    root = next(package.related("", "officeDocument"), "")
    if not root.endswith(".xml"):
        return
    relations = package.relations(root)
    for sheet in package.xml(root).iter(f"{_MAIN}sheet"):
        relation = relations.get(sheet.get(f"{_R}id", ""))
        if relation is None or relation.target not in package.names:
            continue
        height, width = _span(package.content(relation.target))
        if height * width > MOST_CELLS:
            name = sheet.get("name", "")
            yield name, _too_wide(name, height, width)


class _Span:
    """How far the cells of a sheet's XML reach, told by where they say they stand."""

    def __init__(self) -> None:
        self._rows = (1 << 40, 0)
        self._columns: dict[str, int] = {}

    def element(self, name: str, attributes: dict[str, str]) -> None:
        if name != "c" and not name.endswith(":c"):
            return
        reference = attributes.get("r", "")
        letters = reference.rstrip("0123456789")
        if letters not in self._columns:
            column = 0
            for letter in letters[:4].upper():
                column = column * 26 + ord(letter) - 64
            self._columns[letters] = column
        row = int(reference[len(letters) :][:9] or 0)
        first, last = self._rows
        if not first <= row <= last:
            self._rows = min(first, row), max(last, row)

    def size(self) -> tuple[int, int]:
        """Rows and columns from the first cell to the last."""
        if not self._columns:
            return 0, 0
        columns = self._columns.values()
        return self._rows[1] - self._rows[0] + 1, max(columns) - min(columns) + 1


def _span(content: bytes) -> tuple[int, int]:
    span = _Span()
    parser = expat.ParserCreate()
    parser.StartElementHandler = span.element
    with suppress(expat.ExpatError):  # the library says better what is wrong with it
        parser.Parse(content)
    return span.size()
