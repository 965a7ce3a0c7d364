"""Build the two binary files of the packaged sample: the handbook (PDF), the repair manual (DOCX).

Their words stand in `scripts/sample/*.md`. Run it after changing them; the output carries no
date of its own, so that an unchanged text gives an unchanged file.

    python scripts/build_sample.py [FOLDER]
"""

import io
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, NamedTuple

import docx
from reportlab import rl_config
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.units import cm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, Frame, PageBreak, PageTemplate, Paragraph

ROOT = Path(__file__).resolve().parent
TEXTS = ROOT / "sample"
TARGET = ROOT.parent / "src" / "bedplate" / "sample" / "files"
EDITION = datetime(2026, 1, 15, tzinfo=UTC)
FIXED_DATE = b"D:20000101000000+00'00'"
"""What reportlab writes when told to invent no date; as long as any other, so offsets hold."""

MARGIN = 2.5 * cm
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)

Kind = Literal["title", "chapter", "section", "text", "row"]
PREFIXES: tuple[tuple[str, Kind], ...] = (
    ("# ", "title"),
    ("## ", "chapter"),
    ("### ", "section"),
    ("| ", "row"),
)


class Piece(NamedTuple):
    kind: Kind
    text: str


def read_pieces(path: Path) -> Iterator[Piece]:
    """The few Markdown forms that the two texts use: three heading levels, lines, table rows."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip():
            continue
        prefix, kind = next((p for p in PREFIXES if line.startswith(p[0])), ("", "text"))
        yield Piece(kind, line.removeprefix(prefix).strip())


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def number_page(canvas: Canvas, document: BaseDocTemplate) -> None:
    canvas.setFont("Helvetica", 8)
    canvas.drawCentredString(A4[0] / 2, 1.2 * cm, f"Support handbook, page {document.page}")


def build_pdf(pieces: Iterator[Piece], target: Path) -> None:
    """One chapter a page. Page streams stay uncompressed: compressors differ between versions."""
    rl_config.invariant = 1
    styles = getSampleStyleSheet()
    names = {"title": "Title", "chapter": "Heading1", "section": "Heading2", "text": "BodyText"}
    story: list[Paragraph | PageBreak] = []
    chapters = 0
    title = ""
    for piece in pieces:
        if piece.kind == "title":
            title = piece.text
        if piece.kind == "chapter":
            chapters += 1
            if chapters > 1:
                story.append(PageBreak())
        story.append(Paragraph(piece.text, styles[names[piece.kind]]))
    document = BaseDocTemplate(
        str(target), pagesize=A4, title=title, author="Fjellvik Outdoor", pageCompression=0
    )
    frame = Frame(MARGIN, MARGIN, A4[0] - 2 * MARGIN, A4[1] - 2 * MARGIN)
    document.addPageTemplates(PageTemplate(frames=[frame], onPageEnd=number_page))
    document.build(story)
    edition = EDITION.strftime("D:%Y%m%d%H%M%S+00'00'").encode()
    target.write_bytes(target.read_bytes().replace(FIXED_DATE, edition))


def build_docx(pieces: Iterator[Piece], target: Path) -> None:
    document = docx.Document()
    properties = document.core_properties
    properties.author = "Fjellvik Outdoor"
    properties.comments = ""
    properties.created = properties.modified = EDITION
    table = None
    for piece in pieces:
        if piece.kind == "row":
            row = cells(piece.text)
            if table is None:
                table = document.add_table(rows=0, cols=len(row))
                table.style = "Table Grid"
            for cell, text in zip(table.add_row().cells, row, strict=True):
                cell.text = text
            continue
        table = None
        if piece.kind == "text":
            document.add_paragraph(piece.text)
            continue
        if piece.kind == "title":
            properties.title = piece.text
        document.add_heading(piece.text, {"title": 0, "chapter": 1, "section": 2}[piece.kind])
    buffer = io.BytesIO()
    document.save(buffer)
    target.write_bytes(without_dates(buffer))


def without_dates(archive: io.BytesIO) -> bytes:
    """The same archive with every member's time set to the ZIP epoch."""
    output = io.BytesIO()
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(output, "w") as new:
        for name in old.namelist():
            member = zipfile.ZipInfo(name, ZIP_EPOCH)
            member.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(member, old.read(name))
    return output.getvalue()


def main(target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    build_pdf(read_pieces(TEXTS / "support-handbook.md"), target / "support-handbook.pdf")
    build_docx(read_pieces(TEXTS / "warranty-and-repair.md"), target / "warranty-and-repair.docx")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET)
