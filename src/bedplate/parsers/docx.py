"""Word documents (ISO/IEC 29500) by python-docx: paragraphs, lists and tables in reading order."""

# lxml carries no type information; what is taken from an element is given its type here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import docx
from docx.document import Document as WordDocument
from docx.opc.exceptions import OpcError
from docx.oxml.ns import qn

from bedplate.domain.documents import Blob, MetadataValue, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.archive import check_archive
from bedplate.parsers.decode import clean
from bedplate.parsers.outline import Outline
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.tables import Cell, has_header, spread, table_text

VERSION = "docx/2"

Element = Any

_HEADING_NAME = re.compile(r"heading (\d)$", re.IGNORECASE)
_LIST_NAME = re.compile(r"^list (?:bullet|number|paragraph)", re.IGNORECASE)
_POOR_TITLE = re.compile(r"(?:untitled|word document|document\d*|title)?$", re.IGNORECASE)
# SyntaxError is what lxml's XMLSyntaxError is; the rest is python-docx meeting a broken package.
_BROKEN = (OpcError, SyntaxError, KeyError, ValueError, TypeError, AttributeError, IndexError)

_P, _TBL, _TR, _TC = qn("w:p"), qn("w:tbl"), qn("w:tr"), qn("w:tc")
_MATHS = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
_T, _TAB, _BR, _CR, _DASH = qn("w:t"), qn("w:tab"), qn("w:br"), qn("w:cr"), qn("w:noBreakHyphen")
_BOX = qn("w:txbxContent")
# The date in the template that python-docx writes new files from: it says nothing of the file.
_TEMPLATE_DATE = datetime(2013, 12, 23, 23, 15, tzinfo=UTC)
_SKIPPED = {
    qn("w:del"),
    qn("w:moveFrom"),
    qn("w:instrText"),
    qn("w:pPr"),
    qn("w:rPr"),
    qn("w:tblPr"),
    "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",
}


@dataclass(frozen=True, slots=True)
class _Style:
    """What a paragraph style says: the heading's level (0 is the title), or that it is a list."""

    level: int | None = None
    is_list: bool = False


def read_docx(blob: Blob, limits: ParseLimits) -> Parsed:
    if not blob.content:
        raise Unreadable(f"{blob.source!r} is empty.", reason="empty")
    check_archive(blob, limits.expanded)
    try:
        document = docx.Document(io.BytesIO(blob.content))
        outline = Outline(blob, limits.characters)
        _Reader(outline, _styles(document)).read(document.element.body)
        title, metadata = _metadata(document)
    except (TooLarge, Unreadable):
        raise
    except _BROKEN as error:
        if _is_strict(blob.content):
            raise Unreadable(
                f"{blob.source!r} is in Strict Open XML; save it as a plain Word document.",
                reason="unsupported",
            ) from error
        raise Unreadable(
            f"{blob.source!r} is no valid Word document: {error}", reason="malformed"
        ) from error
    return outline.parsed(
        VERSION,
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        title=title or outline.first_heading(level=1) or outline.first_heading(),
        metadata=metadata,
    )


def _is_strict(content: bytes) -> bool:
    """Whether the package uses the namespaces of Strict Open XML, which python-docx lacks."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        return "_rels/.rels" in names and b"purl.oclc.org/ooxml" in archive.read("_rels/.rels")


def _styles(document: WordDocument) -> Mapping[str, _Style]:
    """Style id -> what it says, following each style to those it is based on."""
    elements = {
        style.get(qn("w:styleId")): style
        for style in document.styles.element.findall(qn("w:style"))
        if style.get(qn("w:type")) == "paragraph"
    }
    return {name: _style(name, elements) for name in elements if name}


def _style(name: str | None, elements: Mapping[str, Element]) -> _Style:
    seen: set[str] = set()
    while name and name in elements and name not in seen:
        seen.add(name)
        element = elements[name]
        title = _value(element.find(qn("w:name"))) or ""
        if match := _HEADING_NAME.match(title):
            return _Style(level=int(match.group(1)))
        if title.lower() == "title":
            return _Style(level=0)
        level = _value(element.find(f"{qn('w:pPr')}/{qn('w:outlineLvl')}"))
        if level is not None and level.isdigit() and int(level) < 9:
            return _Style(level=int(level) + 1)
        if _LIST_NAME.match(title) or element.find(f"{qn('w:pPr')}/{qn('w:numPr')}") is not None:
            return _Style(is_list=True)
        name = _value(element.find(qn("w:basedOn")))
    return _Style()


def _value(element: Element | None) -> str | None:
    return None if element is None else element.get(qn("w:val"))


class _Reader:
    """Goes through a story once; items of a list gather until something else comes."""

    def __init__(self, outline: Outline, styles: Mapping[str, _Style]) -> None:
        self._outline = outline
        self._styles = styles
        self._items: list[str] = []

    def read(self, story: Element) -> None:
        for element in _story_units(story):
            if element.tag == _TBL:
                self._flush()
                self._table(element)
            else:
                self._paragraph(element)
        self._flush()

    def _paragraph(self, element: Element) -> None:
        text, boxes = _text(element)
        style = self._style_of(element)
        if style.level is not None and text.strip():
            self._flush()
            self._outline.heading(text, max(style.level, 1))
        elif style.is_list and text.strip():
            indent = "  " * _list_depth(element)
            self._items.append(f"{indent}- {' '.join(text.split())}")
        elif text.strip():
            self._flush()
            self._outline.add(text)
        for box in boxes:
            self.read(box)

    def _style_of(self, element: Element) -> _Style:
        properties = element.find(qn("w:pPr"))
        if properties is None:
            return self._styles.get("Normal", _Style())
        style = self._styles.get(_value(properties.find(qn("w:pStyle"))) or "Normal", _Style())
        level = _value(properties.find(qn("w:outlineLvl")))
        if level is not None and level.isdigit() and int(level) < 9:
            return _Style(level=int(level) + 1)
        number = _value(properties.find(f"{qn('w:numPr')}/{qn('w:numId')}"))
        return _Style(is_list=True) if number not in {None, "0"} and style.level is None else style

    def _table(self, table: Element) -> None:
        rows = _grid(table)
        if max((len(row) for row in rows), default=0) == 1:
            for cell in _within(table, _TC):
                self.read(cell)
        else:
            self._outline.add(table_text(rows, header=has_header(rows)), "table")

    def _flush(self) -> None:
        items, self._items = self._items, []
        self._outline.add("\n".join(items), "list")


def _story_units(story: Element) -> Iterator[Element]:
    """Paragraphs and tables in order, also those inside content controls and tracked changes."""
    stack = list(reversed(story))
    while stack:
        element = stack.pop()
        if element.tag in {_P, _TBL}:
            yield element
        elif element.tag not in _SKIPPED:
            stack.extend(reversed(element))


def _within(parent: Element, tag: str) -> Iterator[Element]:
    """The nearest elements of one kind, not those inside another of that kind."""
    stack = list(reversed(parent))
    while stack:
        element = stack.pop()
        if element.tag == tag:
            yield element
        elif element.tag != _TBL:
            stack.extend(reversed(element))


def _grid(table: Element) -> list[list[str]]:
    """The cells as rows; one that continues a cell above has that cell's text."""
    rows: list[list[Cell]] = []
    above: dict[int, str] = {}
    for row in _within(table, _TR):
        column = _number(row.find(f"{qn('w:trPr')}/{qn('w:gridBefore')}"), 0)
        cells = [Cell("", column)] if column else []
        for cell in _within(row, _TC):
            merge = cell.find(f"{qn('w:tcPr')}/{qn('w:vMerge')}")
            continues = merge is not None and _value(merge) != "restart"
            text = above.get(column, "") if continues else _cell_text(cell)
            width = _number(cell.find(f"{qn('w:tcPr')}/{qn('w:gridSpan')}"), 1)
            cells.append(Cell(text, width))
            above[column] = text
            column += width
        rows.append(cells)
    return spread(rows)


def _number(element: Element | None, absent: int) -> int:
    written = _value(element) or ""
    return min(int(written), 200) if written.isascii() and written.isdigit() else absent


def _cell_text(cell: Element) -> str:
    parts: list[str] = []
    for unit in _story_units(cell):
        if unit.tag == _TBL:
            parts += [
                _cell_text(inner) for row in _within(unit, _TR) for inner in _within(row, _TC)
            ]
        else:
            parts.append(_text(unit)[0])
    return clean(" ".join(part for part in parts if part.strip()))


def _text(paragraph: Element) -> tuple[str, list[Element]]:
    """What a paragraph shows, and the text boxes anchored in it."""
    parts: list[str] = []
    boxes: list[Element] = []
    stack = list(reversed(paragraph))
    while stack:
        element = stack.pop()
        if element.tag in {_T, _MATHS}:
            parts.append(element.text or "")
        elif element.tag == _TAB:
            parts.append("\t")
        elif element.tag in {_BR, _CR}:
            parts.append("\n")
        elif element.tag == _DASH:
            parts.append("-")
        elif element.tag == _BOX:
            boxes.append(element)
        elif element.tag not in _SKIPPED:
            stack.extend(reversed(element))
    return clean("".join(parts)), boxes


def _list_depth(paragraph: Element) -> int:
    level = _value(paragraph.find(f"{qn('w:pPr')}/{qn('w:numPr')}/{qn('w:ilvl')}"))
    return min(int(level), 8) if level is not None and level.isdigit() else 0


def _metadata(document: WordDocument) -> tuple[str | None, dict[str, MetadataValue]]:
    properties = document.core_properties
    metadata: dict[str, MetadataValue] = {}
    if properties.title == "Word Document" and properties.last_modified_by == "python-docx":
        # The package has no properties; python-docx made these up, with the time of this reading.
        return None, metadata
    for name in ("author", "subject", "keywords", "category"):
        value = " ".join(clean(getattr(properties, name)).split())
        if value and value != "python-docx":
            metadata[name] = value
    for name in ("created", "modified"):
        moment: datetime | None = getattr(properties, name)
        if moment is None:
            continue
        aware = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        if aware != _TEMPLATE_DATE:
            metadata[name] = aware.isoformat()
    title = " ".join(clean(properties.title).split())
    return (None if _POOR_TITLE.match(title) else title), metadata
