"""What a workbook's XML says of its sheets beside values: extent, number formats, notes."""

# lxml carries no type information; what is taken from an element is given its type here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from xml.parsers import expat

from bedplate.errors import Unreadable
from bedplate.parsers.decode import clean
from bedplate.parsers.number_format import BUILT_IN
from bedplate.parsers.package import Element, Package

Place = tuple[int, int]
"""A cell's row and column, counted from 0."""

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_THREADED = "{http://schemas.microsoft.com/office/spreadsheetml/2018/threadedcomments}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_REFERENCE = re.compile(r"([A-Za-z]{1,3})(\d{1,7})")
_PLAIN = frozenset({"", "general", "@"})
_MOST_NOTES = 100_000
_COLUMN_BITS = 16


@dataclass(frozen=True, slots=True)
class SheetXml:
    """`height` and `width` reach from the first cell to the last; `styles` are packed by row."""

    height: int = 0
    width: int = 0
    codes: Sequence[str] = ()
    styles: Mapping[int, "array[int]"] = field(default_factory=dict[int, "array[int]"])
    notes: Mapping[Place, str] = field(default_factory=dict[Place, str])

    def formats(self, row: int) -> Iterator[tuple[int, str]]:
        """Column and format code of the cells of a row that have one of their own."""
        for packed in self.styles.get(row, ()):
            yield packed & ((1 << _COLUMN_BITS) - 1), self.codes[packed >> _COLUMN_BITS]


def read_sheets(package: Package) -> Iterator[tuple[str, SheetXml]]:
    """Every sheet by its name; none of a workbook that is not XML (XLSB)."""
    root = next(package.related("", "officeDocument"), "")
    if not root.endswith(".xml"):
        return
    relations = package.relations(root)
    codes = _codes(package, root)
    for sheet in package.xml(root).iter(f"{_MAIN}sheet"):
        relation = relations.get(sheet.get(f"{_R}id", ""))
        if relation is None or relation.target not in package.names:
            continue
        cells = _Cells([code.lower() in _PLAIN for code in codes])
        parser = expat.ParserCreate()
        parser.StartElementHandler = cells.element
        with suppress(expat.ExpatError):  # the library says better what is wrong with it
            parser.Parse(package.content(relation.target))
        notes = _notes(package, relation.target)
        yield sheet.get("name", ""), SheetXml(*cells.size(), codes, cells.styles, notes)


def _codes(package: Package, root: str) -> list[str]:
    """The format code of each cell style; none where the styles cannot be read."""
    name = next(package.related(root, "styles"), None)
    if name is None:
        return []
    try:
        styles = package.xml(name)
    except Unreadable:
        # Values are whole without their formats.
        return []
    own = {
        written.get("numFmtId", ""): written.get("formatCode", "")
        for written in styles.iterfind(f"{_MAIN}numFmts/{_MAIN}numFmt")
    }
    return [
        _code(xf.get("numFmtId", "0"), own) for xf in styles.iterfind(f"{_MAIN}cellXfs/{_MAIN}xf")
    ]


def _code(number: str, own: Mapping[str, str]) -> str:
    if number in own:
        return own[number]
    return BUILT_IN.get(int(number), "") if number.isdecimal() and len(number) < 4 else ""


class _Cells:
    """How far the cells of a sheet's XML reach, and their styles, by where they say they stand."""

    def __init__(self, plain: Sequence[bool]) -> None:
        self._plain = plain
        self._rows = (1 << 40, 0)
        self._columns: dict[str, int] = {}
        self.styles: dict[int, array[int]] = {}

    def element(self, name: str, attributes: dict[str, str]) -> None:
        if name != "c" and not name.endswith(":c"):
            return
        reference = attributes.get("r", "")
        letters = reference.rstrip("0123456789")
        if letters not in self._columns:
            self._columns[letters] = _column(letters)
        row = int(reference[len(letters) :][:9] or 0)
        first, last = self._rows
        if not first <= row <= last:
            self._rows = min(first, row), max(last, row)
        style = attributes.get("s", "")
        if style.isdecimal() and len(style) < 6 and row and letters:
            self._style(row - 1, self._columns[letters] - 1, int(style))

    def _style(self, row: int, column: int, style: int) -> None:
        if style < len(self._plain) and not self._plain[style] and column < 1 << _COLUMN_BITS:
            self.styles.setdefault(row, array("Q")).append(style << _COLUMN_BITS | column)

    def size(self) -> tuple[int, int]:
        """Rows and columns from the first cell to the last."""
        if not self._columns:
            return 0, 0
        columns = self._columns.values()
        return self._rows[1] - self._rows[0] + 1, max(columns) - min(columns) + 1


def _column(letters: str) -> int:
    """Counted from 1: "A" is 1, "AA" is 27."""
    column = 0
    for letter in letters[:4].upper():
        column = column * 26 + ord(letter) - 64
    return column


def _notes(package: Package, sheet: str) -> dict[Place, str]:
    """What is noted on cells: threads of comments, and notes of the older kind.

    A thread also stands as a note, for programs that do not know threads; there it is left out.
    """
    threads: dict[Place, list[str]] = {}
    notes: dict[Place, list[str]] = {}
    for found, kind, tag in (
        (threads, "threadedComment", f"{_THREADED}threadedComment"),
        (notes, "comments", f"{_MAIN}comment"),
    ):
        for part in package.related(sheet, kind):
            with suppress(Unreadable):  # the cells are whole without it
                for comment in package.xml(part).iter(tag):
                    place, text = _place(comment.get("ref", "")), _written(comment)
                    if place is not None and text and len(found) < _MOST_NOTES:
                        found.setdefault(place, []).append(text)
    return {place: "; ".join(texts) for place, texts in {**notes, **threads}.items()}


def _place(reference: str) -> Place | None:
    match = _REFERENCE.fullmatch(reference)
    if match is None or not int(match[2]):
        return None
    return int(match[2]) - 1, _column(match[1]) - 1


def _written(comment: Element) -> str:
    """The words of a comment without how they are to be spoken (`rPh`)."""
    parts = [
        node.text or ""
        for tag in (f"{_MAIN}t", f"{_THREADED}text")
        for node in comment.iter(tag)
        if not node.getparent().tag.endswith("}rPh")
    ]
    return " ".join(clean("".join(parts)).split())
