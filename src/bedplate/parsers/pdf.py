"""PDF by PDFium: text in its reading order, page by page.

Headings are the lines that the document's bookmarks name, and lines set larger than its body.
Running heads and feet are left out (`running_heads.py`), but for what a bookmark names.
A page without any text is a scan; its picture is read by OCR where the extra `ocr` is installed.
"""

# pypdfium2 carries no type information; every value taken from it is given its type here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

import ctypes
import itertools
import math
import re
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from typing import cast

import pypdfium2
from pypdfium2 import raw

from bedplate.domain.documents import Blob, MetadataValue, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.decode import check_characters, clean
from bedplate.parsers.outline import Outline
from bedplate.parsers.pdf_ligatures import in_order
from bedplate.parsers.pdf_scans import Scans
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.running_heads import Extent, find_running_heads

VERSION = "pdf/4"

_HEADING_SCALE = 1.1
_TITLE_SCALE = 1.25
_BOLD_WEIGHT = 600
_BOLD = re.compile(rb"(?i)bold|black|heavy")
_LONGEST_HEADING = 160
_MOST_LEVELS = 4
_ENOUGH_MARKS = 3
_MOST_HEADINGS = 0.3
_NEW_PARAGRAPH = 1.35
_HEADING_PITCH = 1.3
_TITLE_WITHIN = 12
_FULL_LINE = 0.85
_LIST_ITEM = re.compile(r"(?:[•◦▪‣∙·●○■□➢✓*–-]|\(?\d{1,3}[.)]|[a-z]\))\s+\S")
_BULLET = re.compile(r"[•◦▪‣∙·●○■□➢✓*–-]\s")
_DATE = re.compile(r"D:(\d{4})(\d{2})?(\d{2})?")
_POOR = re.compile(r"\(?(?:untitled|anonymous|unspecified|title|document)\b.{0,12}$", re.I)
_PROGRAM = re.compile(
    r"^Microsoft (?:Word|PowerPoint|Excel) - |\.(?:docx?|pptx?|xlsx?|pdf|indd|tex|rtf)$", re.I
)
_BROKEN = re.compile("-?[\ufffe\x02]\\s*")


@dataclass(frozen=True, slots=True)
class _Line:
    """A printed line; lengths in points, size zero where the page's geometry is not known."""

    text: str
    size: float = 0.0
    bold: bool = False
    bottom: float = 0.0
    left: float = 0.0
    right: float = 0.0

    @property
    def style(self) -> tuple[float, bool]:
        return self.size, self.bold


def read_pdf(blob: Blob, limits: ParseLimits) -> Parsed:
    with closing(_open(blob)) as pdf:
        count = len(pdf)
        if count > limits.pages:
            raise TooLarge(
                f"{blob.source!r} has {count:,} pages; the limit is {limits.pages:,}. "
                "Split it, or raise the limit on pages."
            )
        printed, extents, broken = _pages(pdf, blob, limits.characters)
        marks = _bookmarks(pdf)
        heads = find_running_heads(printed, extents)
        pages = [
            [
                line
                for place, line in enumerate(lines)
                if place not in heads.places.get(number, ())
                or _key(line.text) in marks.get(number, ())
            ]
            for number, lines in enumerate(printed, 1)
        ]
        named, metadata = _metadata(pdf)
        outline = Outline(blob, limits.characters)
        levels = {} if len(marks) >= _ENOUGH_MARKS else _heading_levels(pages)
        bare = [number for number, lines in enumerate(pages, 1) if not lines]
        scans = Scans(pdf, outline, blob, limits, [n for n in bare if n not in set(broken)])
        for number, lines in enumerate(pages, 1):
            layout = _Layout(levels, marks.get(number, {}), _line_pitch(lines))
            for unit in layout.units(lines):
                layout.add(outline, unit, number)
            scans.add(number)
    if not outline.blocks:
        if scans.failures:
            raise Unreadable(scans.failures[0].message, reason="timeout")
        raise Unreadable(
            f"{blob.source!r} holds no text on its {count} page(s): it is a scan or a drawing. "
            f"{scans.remedy}",
            reason="no_text",
        )
    parsed = outline.parsed(
        VERSION,
        "application/pdf",
        title=named or _printed_title(printed[0], outline),
        metadata=metadata,
        pages=count,
        warnings=[*filter(None, (heads.warning(),)), *_warnings(scans, broken)],
    )
    return Parsed(parsed.documents, scans.failures, parsed.warnings)


def _open(blob: Blob) -> pypdfium2.PdfDocument:
    if not blob.content:
        raise Unreadable(f"{blob.source!r} is empty.", reason="empty")
    try:
        return pypdfium2.PdfDocument(blob.content)
    except pypdfium2.PdfiumError as error:
        if error.err_code in {raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY}:
            raise Unreadable(
                f"{blob.source!r} is encrypted and wants a password; save it without one.",
                reason="encrypted",
            ) from error
        if b"%%EOF" not in blob.content[-2048:] and blob.content.startswith(b"%PDF-"):
            raise Unreadable(
                f"{blob.source!r} is cut short: the end of the PDF is missing.",
                reason="truncated",
            ) from error
        raise Unreadable(f"{blob.source!r} is no valid PDF: {error}", reason="malformed") from error


def _pages(
    pdf: pypdfium2.PdfDocument, blob: Blob, most_characters: int
) -> tuple[list[list[_Line]], list[Extent | None], list[int]]:
    """The lines of every page, how far it reaches, and which pages PDFium could not load."""
    pages: list[list[_Line]] = []
    extents: list[Extent | None] = []
    broken: list[int] = []
    characters = 0
    for number in range(len(pdf)):
        extent = None
        try:
            with closing(pdf[number]) as page, closing(page.get_textpage()) as text_page:
                lines = list(_lines(text_page))
                extent = _extent(page)
        except pypdfium2.PdfiumError:
            lines = []
            broken.append(number + 1)
        characters += sum(len(line.text) for line in lines)
        check_characters(characters, blob.source, most_characters)
        pages.append(lines)
        extents.append(extent)
    return pages, extents, broken


def _extent(page: pypdfium2.PdfPage) -> Extent | None:
    """None of a turned page: its lines do not lie along the page's lower edge."""
    if page.get_rotation():
        return None
    # Its stub allows for no box, which the library has only where it is told not to fall back.
    box = cast(tuple[float, float, float, float], page.get_cropbox())
    return Extent(box[1], box[3])


def _lines(page: pypdfium2.PdfTextPage) -> Iterator[_Line]:
    text: str = page.get_text_range()
    # Where PDFium leaves characters out, positions in its text are no longer character numbers.
    located: bool = page.count_chars() == len(text)
    if located:
        text = in_order(page, text)
    start = 0
    for line in text.split("\n"):
        end = start + len(line)
        content = line.rstrip("\r")
        stripped = content.strip(" \t\xa0")
        if stripped and located:
            first = start + content.index(stripped[0])
            yield _measured(page, content, first, first + len(stripped) - 1)
        elif stripped:
            yield _Line(content)
        start = end + 1


def _measured(page: pypdfium2.PdfTextPage, text: str, first: int, last: int) -> _Line:
    """Box and size from the first and last letter; loose boxes, which do not vary by letter."""
    box, matrix = raw.FS_RECTF(), raw.FS_MATRIX()
    raw.FPDFText_GetLooseCharBox(page, last, box)
    right = float(box.right)
    raw.FPDFText_GetLooseCharBox(page, first, box)
    raw.FPDFText_GetMatrix(page, first, matrix)
    size = float(raw.FPDFText_GetFontSize(page, first)) * math.hypot(matrix.c, matrix.d)
    # Size 1 is what PDFium gives for a letter whose font it cannot tell.
    if size <= 1.5:
        return _Line(text)
    bold = _is_bold(page, first) and _is_bold(page, last)
    return _Line(text, round(size * 2) / 2, bold, float(box.bottom), float(box.left), right)


def _is_bold(page: pypdfium2.PdfTextPage, index: int) -> bool:
    name = ctypes.create_string_buffer(64)
    raw.FPDFText_GetFontInfo(page, index, name, len(name), ctypes.c_int())
    return bool(_BOLD.search(name.value)) or raw.FPDFText_GetFontWeight(page, index) >= _BOLD_WEIGHT


def _heading_levels(pages: Sequence[Sequence[_Line]]) -> Mapping[tuple[float, bool], int]:
    """The styles that stand out from the body's, the largest first, each with its level from 1."""
    weights: Counter[tuple[float, bool]] = Counter()
    for line in itertools.chain.from_iterable(pages):
        if line.size:
            weights[line.style] += len(line.text)
    if len(weights) < 2:
        return {}
    (body, body_is_bold), total = weights.most_common(1)[0][0], sum(weights.values())
    marked = sorted(
        (
            (size, bold)
            for (size, bold), weight in weights.items()
            if weight < _MOST_HEADINGS * total
            and (size >= body * _HEADING_SCALE or (bold and not body_is_bold and size >= body))
        ),
        reverse=True,
    )
    return {style: min(place, _MOST_LEVELS) for place, style in enumerate(marked, 1)}


def _line_pitch(lines: Sequence[_Line]) -> float:
    """The usual distance from one line to the next on a page, in points."""
    steps = [a.bottom - b.bottom for a, b in itertools.pairwise(lines) if a.size and b.size]
    return statistics.median([step for step in steps if step > 0] or [0.0])


@dataclass(frozen=True, slots=True)
class _Layout:
    """How one page is set: the levels of its large sizes, its bookmarks, its line pitch."""

    levels: Mapping[tuple[float, bool], int]
    marks: Mapping[str, int]
    pitch: float

    def units(self, lines: Sequence[_Line]) -> Iterator[list[_Line]]:
        """Lines that belong together: a heading or a paragraph."""
        unit: list[_Line] = []
        for line in lines:
            if unit and self._breaks(unit[-1], line):
                yield unit
                unit = []
            unit.append(line)
        if unit:
            yield unit

    def add(self, outline: Outline, unit: Sequence[_Line], page: int) -> None:
        level = self._level(unit[0])
        heading = clean(_BROKEN.sub("", " ".join(line.text.strip() for line in unit)))
        if level is not None and len(heading) <= _LONGEST_HEADING:
            outline.heading(heading, level, page)
            return
        is_list = len(unit) > 1 and all(_LIST_ITEM.match(line.text.lstrip()) for line in unit[:2])
        outline.add(_joined(unit), "list" if is_list else "paragraph", page)

    def _level(self, line: _Line) -> int | None:
        text = line.text.strip()
        if len(text) > _LONGEST_HEADING or not any(c.isalpha() for c in text):
            return None
        if named := self.marks.get(_key(text)):
            return named
        sentence = text.endswith((".", ",", ";", ":")) and not text.endswith("...")
        return None if sentence or _BULLET.match(text) else self.levels.get(line.style)

    def _breaks(self, before: _Line, line: _Line) -> bool:
        level = self._level(line)
        if level != self._level(before) or (level is not None and _key(line.text) in self.marks):
            return True
        if not line.size or not before.size:
            return False
        height = max(line.size, before.size)
        step = before.bottom - line.bottom
        usual = _HEADING_PITCH * height if level is not None else max(self.pitch, height)
        return step < -height or step > _NEW_PARAGRAPH * usual


def _joined(unit: Sequence[_Line]) -> str:
    """Lines that run on are joined by a space; one that stops early or starts an item stands."""
    edge = max(line.right for line in unit)
    left = min(line.left for line in unit)
    text = unit[0].text.strip()
    for before, line in itertools.pairwise(unit):
        part = line.text.strip()
        if text.endswith(("\ufffe", "\x02")):
            text += part
        else:
            full = before.right - left >= _FULL_LINE * (edge - left)
            runs_on = before.size > 0 and full and not _LIST_ITEM.match(part)
            text += (" " if runs_on else "\n") + part
    return clean(_BROKEN.sub("", text))


def _key(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def _bookmarks(pdf: pypdfium2.PdfDocument) -> dict[int, dict[str, int]]:
    """Page number -> the titles that bookmarks put there, each with its level."""
    marks: dict[int, dict[str, int]] = {}
    for mark in itertools.islice(pdf.get_toc(), 10_000):
        target = mark.get_dest()
        index = target.get_index() if target is not None else None
        key = _key(mark.get_title())
        if index is not None and key:
            marks.setdefault(int(index) + 1, {}).setdefault(key, int(mark.level) + 1)
    return marks


def _metadata(pdf: pypdfium2.PdfDocument) -> tuple[str | None, dict[str, MetadataValue]]:
    entries = {
        name: " ".join(clean(value).split())
        for name, value in pdf.get_metadata_dict(skip_empty=True).items()
    }
    metadata: dict[str, MetadataValue] = {}
    for name in ("Author", "Subject", "Keywords"):
        value = entries.get(name)
        if value and not _POOR.match(value):
            metadata[name.lower()] = value
    for name, field in (("CreationDate", "created"), ("ModDate", "modified")):
        if day := _iso_date(entries.get(name, "")):
            metadata[field] = day
    title = _PROGRAM.sub("", entries.get("Title", ""))
    return (None if _POOR.match(title) else title or None), metadata


def _iso_date(text: str) -> str | None:
    """A PDF date (ISO 32000-1, 7.9.4) as an ISO day; its clock and zone are seldom right."""
    match = _DATE.match(text)
    if match is None:
        return None
    year, month, day = (int(match.group(part) or 1) for part in (1, 2, 3))
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return None


def _printed_title(lines: Sequence[_Line], outline: Outline) -> str | None:
    """What stands out at the first page's top: the largest lines, else a heading right there."""
    top = lines[:_TITLE_WITHIN]
    size = max((line.size for line in top), default=0.0)
    usual = statistics.median(line.size for line in lines) if lines else 0.0
    if usual and size >= _TITLE_SCALE * usual:
        title = clean(_BROKEN.sub("", " ".join(x.text.strip() for x in top if x.size == size)))
        if 2 < len(title) <= _LONGEST_HEADING:
            return title
    first = outline.blocks[0]
    return first.text if first.kind == "heading" else None


def _warnings(scans: Scans, broken: Sequence[int]) -> list[str]:
    notes: list[str] = []
    if scans.unread:
        notes.append(f"No text on page(s) {_listed(scans.unread)}. {scans.remedy}")
    if broken:
        notes.append(f"Page(s) {_listed(broken)} could not be loaded: the PDF is damaged there.")
    return notes


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(str(number) for number in numbers[:10])
    return f"{shown} and {len(numbers) - 10} more" if len(numbers) > 10 else shown
