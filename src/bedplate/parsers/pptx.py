"""Presentations (ISO/IEC 29500) read part by part with lxml: one page a slide, notes below it."""

# lxml carries no type information; what is taken from an element is given its type here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import itertools
from collections.abc import Iterator

from bedplate.domain.documents import Blob, Failure, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.charts import CHART, add_chart
from bedplate.parsers.decode import clean
from bedplate.parsers.drawing import Box, cut_in_order
from bedplate.parsers.outline import Outline
from bedplate.parsers.package import Element, Package, Relation
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.tables import Cell, has_header, spread, table_text

VERSION = "pptx/1"

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_DGM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
_MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_TITLES = frozenset({"title", "ctrTitle"})
# Furniture that repeats on every slide.
_FURNITURE = frozenset({"dt", "ftr", "sldNum", "hdr", "sldImg"})
_LISTS = frozenset({"obj", "body"})


def read_pptx(blob: Blob, limits: ParseLimits) -> Parsed:
    """Shapes in reading order by where they stand; a slide that is damaged fails alone."""
    with Package(blob, limits.expanded) as package:
        slides = list(_slides(package, blob))
        if len(slides) > limits.pages:
            raise TooLarge(
                f"{blob.source!r} has {len(slides):,} slides; the limit is {limits.pages:,}. "
                "Split it, or raise the limit on pages."
            )
        outline = Outline(blob, limits.characters)
        failures: list[Failure] = []
        for page, name in enumerate(slides, 1):
            outline.leave()
            try:
                _Slide(package, name, page).read(outline)
            except Unreadable as error:
                failures.append(Failure(f"{blob.source}#{page}", error.reason, str(error)))
        title, metadata = package.properties()
    if failures and not outline.blocks:
        raise Unreadable(failures[0].message, reason=failures[0].code)
    parsed = outline.parsed(
        VERSION,
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        title=title or outline.first_heading(),
        metadata=metadata,
        pages=len(slides),
    )
    return Parsed(parsed.documents, tuple(failures), parsed.warnings)


def _slides(package: Package, blob: Blob) -> Iterator[str]:
    """The names of the slides' parts in the order in which they are shown."""
    root = next(package.related("", "officeDocument"), "ppt/presentation.xml")
    relations = package.relations(root)
    for element in package.xml(root).iter(f"{_P}sldId"):
        relation = relations.get(element.get(f"{_R}id", ""))
        if relation is None:
            raise Unreadable(f"{blob.source!r} names a slide it lacks.", reason="malformed")
        yield relation.target


class _Slide:
    """One slide: its shapes, with the places that they inherit, and what they refer to."""

    def __init__(self, package: Package, name: str, page: int) -> None:
        self._package = package
        self._page = page
        self._name = name
        self._root: Element = package.xml(name)
        self._relations = package.relations(name)
        self._places = _layout_places(package, name)

    def read(self, outline: Outline) -> None:
        tree = self._root.find(f"{_P}cSld/{_P}spTree")
        shapes = [] if tree is None else list(_shapes(tree))
        title = next((s for s in shapes if _role(s) in _TITLES and _text(s)), None)
        hidden = self._root.get("show") in {"0", "false"}
        mark = " (hidden slide)" if hidden else ""
        if title is not None:
            outline.heading(f"{' '.join(_text(title).split())}{mark}", 1, self._page)
        elif hidden:
            outline.heading(f"Slide {self._page}{mark}", 1, self._page)
        self._add_all(outline, [shape for shape in shapes if shape is not title])
        self._add_notes(outline)

    def _add_all(self, outline: Outline, shapes: list[Element]) -> None:
        for shape in cut_in_order(shapes, [self._box(shape) for shape in shapes]):
            if shape.tag == f"{_P}grpSp":
                self._add_all(outline, list(_shapes(shape)))
            elif shape.tag == f"{_P}graphicFrame":
                self._add_graphic(outline, shape)
            elif _role(shape) not in _FURNITURE:
                _add_text(outline, shape, self._page)

    def _add_graphic(self, outline: Outline, frame: Element) -> None:
        for table in frame.iter(f"{_A}tbl"):
            rows = _rows(table)
            says = table.find(f"{_A}tblPr[@firstRow='1']") is not None
            outline.add(table_text(rows, header=says or has_header(rows)), "table", self._page)
        for reference in frame.iter(CHART):
            if (root := self._part(reference.get(f"{_R}id"))) is not None:
                add_chart(outline, root, self._page)
        for reference in frame.iter(f"{_DGM}relIds"):
            if (root := self._part(reference.get(f"{_R}dm"))) is not None:
                texts = [_paragraphs(point) for point in root.iter(f"{_DGM}t")]
                items = [f"- {line}" for lines in texts for _, _, line in lines]
                outline.add("\n".join(items), "list", self._page)

    def _part(self, id: str | None) -> Element | None:
        relation: Relation | None = self._relations.get(id or "")
        known = relation is not None and relation.target in self._package.names
        return self._package.xml(relation.target) if relation is not None and known else None

    def _add_notes(self, outline: Outline) -> None:
        for name in self._package.related(self._name, "notesSlide"):
            lines = [
                line
                for shape in self._package.xml(name).iter(f"{_P}sp")
                if _role(shape) == "body"
                for _, _, line in _paragraphs(shape)
            ]
            if lines:
                outline.add("Speaker notes: " + "\n".join(lines), page=self._page)

    def _box(self, shape: Element) -> Box | None:
        """Where a shape stands: what it says itself, else the layout's place for its kind."""
        placed = _placed(shape)
        holder = shape.find(f".//{_P}nvPr/{_P}ph")
        if placed is None and holder is not None:
            for key in (f"#{holder.get('idx')}", holder.get("type", "obj")):
                placed = placed or self._places.get(key)
        return placed


def _layout_places(package: Package, slide: str) -> dict[str, Box]:
    """Placeholder index ("#1") or type -> its place, by the slide's layout, then its master."""
    places: dict[str, Box] = {}
    for layout in package.related(slide, "slideLayout"):
        for name in (layout, *package.related(layout, "slideMaster")):
            for shape in package.xml(name).iter(f"{_P}sp"):
                holder = shape.find(f".//{_P}nvPr/{_P}ph")
                box = _placed(shape)
                if holder is not None and box is not None:
                    if name == layout:
                        places.setdefault(f"#{holder.get('idx')}", box)
                    places.setdefault(holder.get("type", "obj"), box)
    return places


def _placed(shape: Element) -> Box | None:
    frame = shape.find(f"{_P}xfrm")
    for properties in ("spPr", "grpSpPr"):
        if frame is None:
            frame = shape.find(f"{_P}{properties}/{_A}xfrm")
    if frame is None:
        return None
    start, size = frame.find(f"{_A}off"), frame.find(f"{_A}ext")
    if start is None or size is None:
        return None
    try:
        left, top = int(start.get("x", "")), int(start.get("y", ""))
        return Box(left, top, left + int(size.get("cx", "")), top + int(size.get("cy", "")))
    except ValueError:
        return None


def _shapes(tree: Element) -> Iterator[Element]:
    """The shapes of a tree or group; of alternatives the first, which new programs show."""
    for element in tree:
        if element.tag == f"{_MC}AlternateContent":
            chosen = element.find(f"{_MC}Choice")
            if chosen is not None:
                yield from _shapes(chosen)
        elif element.tag in {f"{_P}sp", f"{_P}grpSp", f"{_P}graphicFrame", f"{_P}cxnSp"}:
            yield element


def _role(shape: Element) -> str | None:
    """What a placeholder is for; None for a shape of its own."""
    holder = shape.find(f"{_P}nvSpPr/{_P}nvPr/{_P}ph")
    return None if holder is None else holder.get("type", "obj")


def _text(shape: Element) -> str:
    return "\n".join(line for _, _, line in _paragraphs(shape))


def _paragraphs(parent: Element) -> list[tuple[int, bool | None, str]]:
    """Each paragraph's depth, whether it says it has a bullet (None: it does not say), its text."""
    found: list[tuple[int, bool | None, str]] = []
    for paragraph in parent.iter(f"{_A}p"):
        line = _line(paragraph)
        if not line.strip():
            continue
        properties = paragraph.find(f"{_A}pPr")
        bullet, depth = None, 0
        if properties is not None:
            level = properties.get("lvl", "0")
            depth = min(int(level), 8) if level.isascii() and level.isdigit() else 0
            if properties.find(f"{_A}buNone") is not None:
                bullet = False
            elif any(properties.find(f"{_A}{k}") is not None for k in ("buChar", "buAutoNum")):
                bullet = True
        found.append((depth, bullet, line.strip()))
    return found


def _line(paragraph: Element) -> str:
    parts = [
        (element.text or "") if element.tag == f"{_A}t" else "\n"
        for element in paragraph.iter(f"{_A}t", f"{_A}br")
    ]
    return clean("".join(parts))


def _add_text(outline: Outline, shape: Element, page: int) -> None:
    """Runs of bulleted paragraphs as lists, the others one by one."""
    paragraphs = _paragraphs(shape)
    listed = _role(shape) in _LISTS and len(paragraphs) > 1
    for bulleted, run in itertools.groupby(
        paragraphs, lambda each: listed if each[1] is None else each[1]
    ):
        if bulleted:
            items = [f"{'  ' * depth}- {' '.join(line.split())}" for depth, _, line in run]
            outline.add("\n".join(items), "list", page)
        else:
            for _, _, line in run:
                outline.add(line, page=page)


def _rows(table: Element) -> list[list[str]]:
    rows: list[list[Cell]] = []
    for row in table.iter(f"{_A}tr"):
        rows.append([])
        for cell in row.iter(f"{_A}tc"):
            # Cells that a merge covers are still there; the one that covers them says how far.
            if cell.get("hMerge") in {"1", "true"} or cell.get("vMerge") in {"1", "true"}:
                continue
            text = " ".join(line for _, _, line in _paragraphs(cell))
            rows[-1].append(Cell(text, _span(cell, "gridSpan"), _span(cell, "rowSpan")))
    return spread(rows)


def _span(cell: Element, name: str) -> int:
    written = cell.get(name, "1")
    return max(1, min(int(written), 200)) if written.isascii() and written.isdigit() else 1
