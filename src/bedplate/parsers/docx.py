"""Word documents (ISO/IEC 29500) by python-docx: paragraphs, lists and tables in reading order."""

# lxml carries no type information; what is taken from an element is given its type here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import docx
from docx.document import Document as WordDocument
from docx.opc.exceptions import OpcError
from docx.oxml.ns import qn

from bedplate.domain.documents import Blob, MetadataValue, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.charts import CHART, add_chart
from bedplate.parsers.decode import clean
from bedplate.parsers.docx_maths import EQUATION, latex
from bedplate.parsers.docx_notes import REFERENCES, Notes
from bedplate.parsers.docx_numbers import BULLET, DEEPEST, Numbers
from bedplate.parsers.outline import Outline
from bedplate.parsers.package import Package
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.tables import Cell, has_header, spread, table_text

VERSION = "docx/4"

Element = Any

_HEADING_NAME = re.compile(r"heading (\d)$", re.IGNORECASE)
_LIST_NAME = re.compile(r"^list (?:bullet|number|paragraph)", re.IGNORECASE)
_POOR_TITLE = re.compile(r"(?:untitled|word document|document\d*|title)?$", re.IGNORECASE)
# SyntaxError is what lxml's XMLSyntaxError is; the rest is python-docx meeting a broken package.
_BROKEN = (OpcError, SyntaxError, KeyError, ValueError, TypeError, AttributeError, IndexError)

_P, _TBL, _TR, _TC = qn("w:p"), qn("w:tbl"), qn("w:tr"), qn("w:tc")
_T, _TAB, _BR, _CR, _DASH = qn("w:t"), qn("w:tab"), qn("w:br"), qn("w:cr"), qn("w:noBreakHyphen")
_ANCHORED = {qn("w:txbxContent"), CHART, *REFERENCES}
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
    """What a paragraph style says: the heading's level (0 is the title), or that it is a list.

    `number` is the list that counts its paragraphs, `depth` the level there; "0" is no list.
    """

    level: int | None = None
    is_list: bool = False
    number: str = "0"
    depth: int = 0


def read_docx(blob: Blob, limits: ParseLimits) -> Parsed:
    with Package(blob, limits.expanded) as package:
        outline = Outline(blob, limits.characters)
        try:
            document = docx.Document(io.BytesIO(package.transitional()))
            reader = _Reader(outline, document, package)
            reader.read(document.element.body)
            title, metadata = _metadata(document)
        except (TooLarge, Unreadable):
            raise
        except _BROKEN as error:
            raise Unreadable(
                f"{blob.source!r} is no valid Word document: {error}", reason="malformed"
            ) from error
    return outline.parsed(
        VERSION,
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        title=title or outline.first_heading(level=1) or outline.first_heading(),
        metadata=metadata,
        warnings=reader.warnings,
    )


def _styles(document: WordDocument) -> Mapping[str, _Style]:
    """Style id -> what it says, following each style to those it is based on."""
    elements = {
        style.get(qn("w:styleId")): style
        for style in document.styles.element.findall(qn("w:style"))
        if style.get(qn("w:type")) == "paragraph"
    }
    return {
        name: replace(_style(name, elements), **_numbering(name, elements))
        for name in elements
        if name
    }


def _numbering(name: str | None, elements: Mapping[str, Element]) -> dict[str, Any]:
    """The list of the nearest style that has one, among a style and those it is based on."""
    seen: set[str] = set()
    while name and name in elements and name not in seen:
        seen.add(name)
        properties = elements[name].find(f"{qn('w:pPr')}/{qn('w:numPr')}")
        number = None if properties is None else _value(properties.find(qn("w:numId")))
        if properties is not None and number:
            return {"number": number, "depth": _depth(properties, 0)}
        name = _value(elements[name].find(qn("w:basedOn")))
    return {}


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

    def __init__(self, outline: Outline, document: WordDocument, package: Package) -> None:
        self._outline = outline
        self._styles = _styles(document)
        self._package = package
        self._root = next(package.related("", "officeDocument"), "")
        numbering = next(package.related(self._root, "numbering"), None)
        self._numbers = Numbers(package.xml(numbering) if numbering else None)
        self._notes = Notes(package, self._root)
        self._items: list[str] = []
        self._due: list[Element] = []
        self.warnings: list[str] = self._notes.warnings

    def read(self, story: Element) -> None:
        for element in _story_units(story):
            if element.tag == _TBL:
                self._flush()
                self._table(element)
            else:
                self._paragraph(element)
        self._flush()

    def _paragraph(self, element: Element) -> None:
        text, anchored = _text(element)
        style = self._style_of(element)
        label = ""
        if style.number != "0" and text.strip():
            label = self._numbers.label(style.number, style.depth)
        if style.level is not None and text.strip():
            self._flush()
            number = f"{label} " if label != BULLET else ""
            self._outline.heading(number + text, max(style.level, 1))
        elif style.is_list and text.strip():
            line = f"{label or BULLET} {' '.join(text.split())}"
            self._items.append("  " * style.depth + line)
        elif text.strip():
            self._flush()
            self._outline.add(text)
        self._due += [shown for shown in anchored if shown.tag in REFERENCES]
        if not self._items:
            self._flush()
        for shown in anchored:
            if shown.tag in REFERENCES:
                continue
            if shown.tag == CHART:
                self._flush()
                self._chart(shown)
            else:
                self.read(shown)

    def _chart(self, reference: Element) -> None:
        relation = self._package.relations(self._root).get(reference.get(qn("r:id"), ""))
        if relation is None:
            return
        try:
            add_chart(self._outline, self._package.xml(relation.target))
        except Unreadable as error:
            self.warnings.append(f"A chart was not read. {error.message}")

    def _style_of(self, element: Element) -> _Style:
        properties = element.find(qn("w:pPr"))
        if properties is None:
            return self._styles.get("Normal", _Style())
        style = self._styles.get(_value(properties.find(qn("w:pStyle"))) or "Normal", _Style())
        numbering = properties.find(qn("w:numPr"))
        if numbering is not None:
            number = _value(numbering.find(qn("w:numId"))) or style.number
            style = replace(style, number=number, depth=_depth(numbering, style.depth))
        level = _value(properties.find(qn("w:outlineLvl")))
        if level is not None and level.isdigit() and int(level) < 9:
            return replace(style, level=int(level) + 1)
        return (
            replace(style, is_list=True) if style.number != "0" and numbering is not None else style
        )

    def _table(self, table: Element) -> None:
        rows = _grid(table)
        if max((len(row) for row in rows), default=0) == 1:
            for cell in _within(table, _TC):
                self.read(cell)
        else:
            self._outline.add(table_text(rows, header=has_header(rows)), "table")
            self._due += table.iter(*REFERENCES)
            self._flush()

    def _flush(self) -> None:
        """Add the items of a list that has ended, and the notes that have come up."""
        items, self._items = self._items, []
        self._outline.add("\n".join(items), "list")
        due, self._due = self._due, []
        for reference in due:
            if (note := self._notes.find(reference)) is not None:
                name, story = note
                text = _cell_text(story).strip()
                self._outline.add(f"{name}: {text}" if text else "")


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
    """What a paragraph shows, and the text boxes and charts anchored in it."""
    parts: list[str] = []
    anchored: list[Element] = []
    stack = list(reversed(paragraph))
    while stack:
        element = stack.pop()
        if element.tag == _T:
            parts.append(element.text or "")
        elif element.tag == EQUATION:
            parts.append(latex(element))
        elif element.tag == _TAB:
            parts.append("\t")
        elif element.tag in {_BR, _CR}:
            parts.append("\n")
        elif element.tag == _DASH:
            parts.append("-")
        elif element.tag in _ANCHORED:
            anchored.append(element)
        elif element.tag not in _SKIPPED:
            stack.extend(reversed(element))
    return clean("".join(parts)), anchored


def _depth(numbering: Element, absent: int) -> int:
    level = _value(numbering.find(qn("w:ilvl")))
    return min(int(level), DEEPEST) if level is not None and level.isdigit() else absent


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
