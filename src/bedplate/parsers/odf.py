"""OpenDocument (ISO/IEC 26300): texts, presentations and sheets, read from their XML with lxml."""

# lxml carries no type information; what is taken from an element is given its type here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Iterator
from dataclasses import replace

from bedplate.domain.documents import Blob, MetadataValue, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.decode import clean
from bedplate.parsers.drawing import Box, cut_in_order
from bedplate.parsers.grid import MOST_CELLS, GridCell, add_sheet
from bedplate.parsers.outline import Outline
from bedplate.parsers.package import Element, Package, iso_moment
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.tables import Cell, has_header, spread, table_text

VERSION = "odf/3"

_NAMESPACE = "{urn:oasis:names:tc:opendocument:xmlns:%s:1.0}"
_OFFICE, _TEXT, _TABLE, _DRAW, _META = (
    _NAMESPACE % part for part in ("office", "text", "table", "drawing", "meta")
)
_SVG = _NAMESPACE % "svg-compatible"
_PRESENTATION = _NAMESPACE % "presentation"
_DC = "{http://purl.org/dc/elements/1.1/}"
# Tables of contents repeat the headings; deleted text and comments are not the document's words.
_SKIPPED = frozenset(
    {
        f"{_TEXT}tracked-changes",
        f"{_TEXT}table-of-content",
        f"{_OFFICE}annotation",
        f"{_OFFICE}forms",
        f"{_TEXT}note-citation",
        f"{_PRESENTATION}notes",
        f"{_TEXT}sequence-decls",
    }
)
_FURNITURE = frozenset({"header", "footer", "date-time", "page-number"})
_MOST_COLUMNS = 16_384
_FIELDS = {
    "author": (f"{_DC}creator", f"{_META}initial-creator"),
    "subject": (f"{_DC}subject",),
    "keywords": (f"{_META}keyword",),
}
_MOMENTS = {"created": f"{_META}creation-date", "modified": f"{_DC}date"}
_UNITS = {"cm": 1000, "mm": 100, "in": 2540, "pt": 35, "px": 26}


def read_odt(blob: Blob, limits: ParseLimits) -> Parsed:
    with Package(blob, limits.expanded) as package:
        outline, body, title, metadata = _opened(package, blob, limits, "text")
    reader = _Reader(outline, paged=next(body.iter(f"{_TEXT}soft-page-break"), None) is not None)
    reader.read(body)
    return outline.parsed(
        VERSION,
        "application/vnd.oasis.opendocument.text",
        title=title or outline.first_heading(level=1) or outline.first_heading(),
        metadata=metadata,
        pages=reader.page,
    )


def read_odp(blob: Blob, limits: ParseLimits) -> Parsed:
    """Slides as pages: the title first, then what stands on it in reading order, then its notes."""
    with Package(blob, limits.expanded) as package:
        outline, body, title, metadata = _opened(package, blob, limits, "presentation")
    slides = body.findall(f"{_DRAW}page")
    if len(slides) > limits.pages:
        raise TooLarge(
            f"{blob.source!r} has {len(slides):,} slides; the limit is {limits.pages:,}."
        )
    for page, slide in enumerate(slides, 1):
        outline.leave()
        _add_slide(outline, slide, page)
    return outline.parsed(
        VERSION,
        "application/vnd.oasis.opendocument.presentation",
        title=title or outline.first_heading(),
        metadata=metadata,
        pages=len(slides) or None,
    )


def read_ods(blob: Blob, limits: ParseLimits) -> Parsed:
    """Sheets as pages, each with its name as heading and its tables as rows."""
    with Package(blob, limits.expanded) as package:
        outline, body, title, metadata = _opened(package, blob, limits, "spreadsheet")
    sheets = body.findall(f"{_TABLE}table")
    for page, sheet in enumerate(sheets, 1):
        rows = list(_sheet_rows(sheet, blob))
        if any(cell.noted for row in rows for cell in row):
            outline.heading(sheet.get(f"{_TABLE}name") or f"Sheet {page}", 1, page)
            add_sheet(outline, rows, page)
    return outline.parsed(
        VERSION,
        "application/vnd.oasis.opendocument.spreadsheet",
        title=title,
        metadata=metadata,
        pages=len(sheets) or None,
    )


def _opened(
    package: Package, blob: Blob, limits: ParseLimits, kind: str
) -> tuple[Outline, Element, str | None, dict[str, MetadataValue]]:
    if b"manifest:encryption-data" in (
        package.content("META-INF/manifest.xml")
        if "META-INF/manifest.xml" in package.names
        else b""
    ):
        raise Unreadable(
            f"{blob.source!r} is encrypted and wants a password; save it without one.",
            reason="encrypted",
        )
    body = package.xml("content.xml").find(f"{_OFFICE}body/{_OFFICE}{kind}")
    if body is None:
        raise Unreadable(f"{blob.source!r} holds no {kind} document.", reason="malformed")
    return Outline(blob, limits.characters), body, *_metadata(package)


class _Reader:
    """Goes through a story in order; a page is known where the last program wrote its breaks."""

    def __init__(self, outline: Outline, *, page: int | None = None, paged: bool = False) -> None:
        self._outline = outline
        self._counts = paged
        self.page = 1 if paged else page

    def read(self, story: Element) -> None:
        stack = list(reversed(story))
        while stack:
            element = stack.pop()
            tag = element.tag
            if tag == f"{_TEXT}h":
                level = element.get(f"{_TEXT}outline-level", "1")
                self._outline.heading(
                    _text(element), int(level) if level.isdecimal() else 1, self.page
                )
                self._after(element)
            elif tag == f"{_TEXT}p":
                self._outline.add(_text(element), page=self.page)
                self._after(element)
            elif tag == f"{_TEXT}list":
                self._outline.add("\n".join(_items(element, 0)), "list", self.page)
                self._after(element)
            elif tag == f"{_TABLE}table":
                rows = spread(_cells(element))
                says = element.find(f"{_TABLE}table-header-rows") is not None
                text = table_text(rows, header=says or has_header(rows))
                self._outline.add(text, "table", self.page)
                self._after(element)
            elif tag == f"{_TEXT}soft-page-break":
                self._turn()
            elif tag not in _SKIPPED:
                stack.extend(reversed(element))

    def _after(self, element: Element) -> None:
        """What was in a block besides its own line: its notes, and the pages that it ran over."""
        for note in element.iter(f"{_TEXT}note"):
            mark = " ".join((note.findtext(f"{_TEXT}note-citation") or "").split())
            body = note.find(f"{_TEXT}note-body")
            if body is not None:
                text = " ".join(_text(part) for part in body.iter(f"{_TEXT}p"))
                self._outline.add(f"Note {mark}: {text}" if mark else text, page=self.page)
        for _ in element.iter(f"{_TEXT}soft-page-break"):
            self._turn()

    def _turn(self) -> None:
        if self._counts and self.page is not None:
            self.page += 1


def _add_slide(outline: Outline, slide: Element, page: int) -> None:
    shapes = [
        shape
        for shape in slide
        if shape.tag not in _SKIPPED and shape.get(f"{_PRESENTATION}class") not in _FURNITURE
    ]
    title = next(
        (s for s in shapes if s.get(f"{_PRESENTATION}class") == "title" and _text(s).strip()), None
    )
    if title is not None:
        outline.heading(_text(title), 1, page)
    rest = [shape for shape in shapes if shape is not title]
    for shape in cut_in_order(rest, [_box(shape) for shape in rest]):
        _Reader(outline, page=page).read(shape)
    for notes in slide.iter(f"{_PRESENTATION}notes"):
        text = "\n".join(filter(None, (_text(part).strip() for part in notes.iter(f"{_TEXT}p"))))
        outline.add(f"Speaker notes: {text}" if text else "", page=page)


def _box(shape: Element) -> Box | None:
    try:
        left, top, width, height = (
            _length(shape.get(f"{_SVG}{name}", "")) for name in ("x", "y", "width", "height")
        )
    except ValueError:
        return None
    return Box(left, top, left + width, top + height)


def _length(written: str) -> int:
    return int(float(written[:-2]) * _UNITS.get(written[-2:], 1000))


def _text(parent: Element) -> str:
    """The words of one block; those of the notes and frames inside it too, but for notes' own."""
    parts: list[str] = []
    stack: list[Element | str] = [parent]
    while stack:
        each = stack.pop()
        if isinstance(each, str):
            parts.append(each)
            continue
        if each is not parent and each.tag in {*_SKIPPED, f"{_TEXT}note"}:
            continue
        if each.tag == f"{_TEXT}s":
            count = each.get(f"{_TEXT}c", "1")
            parts.append(" " * min(int(count) if count.isdecimal() else 1, 100))
        elif each.tag == f"{_TEXT}tab":
            parts.append("\t")
        elif each.tag == f"{_TEXT}line-break":
            parts.append("\n")
        inner: list[Element | str] = [" ".join((each.text or "").split("\n"))]
        for child in each:
            inner += [child, " ".join((child.tail or "").split("\n"))]
            if child.tag in {f"{_TEXT}p", f"{_TEXT}h"}:
                inner.append(" ")
        stack.extend(reversed(inner))
    return clean("".join(parts))


def _items(parent: Element, depth: int) -> Iterator[str]:
    """A list and the lists in it: two spaces a level. lxml's own bound on depth bounds this."""
    for item in parent.iterchildren(f"{_TEXT}list-item", f"{_TEXT}list-header"):
        for part in item:
            if part.tag == f"{_TEXT}list":
                yield from _items(part, depth + 1)
            elif line := " ".join(_text(part).split()):
                yield f"{'  ' * min(depth, 8)}- {line}"


def _rows(table: Element) -> Iterator[Element]:
    """The rows of a table, whatever they are grouped in, but not those of a table inside it."""
    stack = list(reversed(table))
    while stack:
        element = stack.pop()
        if element.tag == f"{_TABLE}table-row":
            yield element
        elif element.tag not in {f"{_TABLE}table", f"{_TABLE}shapes"}:
            stack.extend(reversed(element))


def _cells(table: Element) -> list[list[Cell]]:
    return [
        [
            Cell(
                " ".join(_text(cell).split()),
                _count(cell, "number-columns-spanned") * _count(cell, "number-columns-repeated"),
                _count(cell, "number-rows-spanned"),
            )
            for cell in row.iterchildren(f"{_TABLE}table-cell")
        ]
        for row in _rows(table)
    ]


def _count(element: Element, name: str) -> int:
    written = element.get(f"{_TABLE}{name}", "1")
    return max(1, min(int(written), 1 << 30)) if written.isdecimal() and len(written) < 12 else 1


def _sheet_rows(sheet: Element, blob: Blob) -> Iterator[list[GridCell]]:
    """A sheet's rows with repeats written out, up to the last that holds anything."""
    blank, cells = 0, 0
    above: dict[int, tuple[GridCell, int]] = {}
    for element in _rows(sheet):
        row = _sheet_row(element, above)
        times = _count(element, "number-rows-repeated")
        if not any(cell.noted for cell in row):
            blank += times
            continue
        cells += times * len(row)
        if cells > MOST_CELLS:
            raise TooLarge(
                f"{blob.source!r}: a sheet spans over {MOST_CELLS:,} cells; split it, or delete "
                "the values that are repeated to its edge."
            )
        if blank:
            yield []
            blank = 0
        for _ in range(times):
            yield list(row)


def _sheet_row(element: Element, above: dict[int, tuple[GridCell, int]]) -> list[GridCell]:
    """One row; a cell that covers several rows stands in each of them."""
    row: list[GridCell] = []
    for cell in element:
        text = " ".join(_text(cell).split())
        times = min(_count(cell, "number-columns-repeated"), _MOST_COLUMNS - len(row))
        value = replace(_sheet_cell(cell, text), note=_note(cell))
        reach = _count(cell, "number-rows-spanned")
        for _ in range(times):
            column = len(row)
            covering, left = above.pop(column, (value, 0))
            row.append(value if value.text or not left else covering)
            if reach > 1 or left > 1:
                again = replace(value, note="")
                above[column] = (again, reach - 1) if reach > 1 else (covering, left - 1)
    while row and not row[-1].noted:
        row.pop()
    return row


def _note(cell: Element) -> str:
    """What was remarked on a cell, without who did and when."""
    lines = (
        _text(line)
        for remark in cell.iterchildren(f"{_OFFICE}annotation")
        for line in remark.iter(f"{_TEXT}p")
    )
    return " ".join(" ".join(lines).split())


def _sheet_cell(cell: Element, text: str) -> GridCell:
    """Dates in ISO 8601 and plain numbers as stored; amounts and shares as they are shown."""
    match cell.get(f"{_OFFICE}value-type"):
        case "date":
            day = cell.get(f"{_OFFICE}date-value", text)
            return GridCell(clean(day.removesuffix("T00:00:00")), words=False)
        case "float":
            return GridCell(clean(cell.get(f"{_OFFICE}value", text)), words=False)
        case "string" | None:
            return GridCell(text, words=True)
        case _:
            return GridCell(text, words=False)


def _metadata(package: Package) -> tuple[str | None, dict[str, MetadataValue]]:
    metadata: dict[str, MetadataValue] = {}
    if "meta.xml" not in package.names:
        return None, metadata
    root = package.xml("meta.xml").find(f"{_OFFICE}meta")
    if root is None:
        return None, metadata
    for field, tags in _FIELDS.items():
        values = [_text(found).strip() for tag in tags[:1] for found in root.iter(tag)]
        values = values or [_text(found).strip() for tag in tags[1:] for found in root.iter(tag)]
        if joined := ", ".join(" ".join(value.split()) for value in values if value):
            metadata[field] = joined
    for field, tag in _MOMENTS.items():
        if (moment := iso_moment((root.findtext(tag) or "").strip()[:26])) is not None:
            metadata[field] = moment
    title = " ".join(clean(root.findtext(f"{_DC}title") or "").split())
    return title or None, metadata
