"""Rich Text Format by striprtf: its words, paragraphs and table cells."""

# striprtf carries no type information.
# pyright: reportUnknownVariableType=false

import re
from typing import cast

from striprtf.striprtf import rtf_to_text

from bedplate.domain.documents import Blob, MetadataValue, Parsed
from bedplate.errors import TooLarge, Unreadable
from bedplate.parsers.decode import check_characters, clean
from bedplate.parsers.outline import Outline, paragraphs
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.tables import table_text

VERSION = "rtf/1"

_MAGIC = b"{\\rtf"
_MOST_GROUPS = 1_000_000
_CODE_PAGE = re.compile(r"\\ansicpg(\d{3,5})")
_BINARY = re.compile(rb"\\bin\d")
_INFO = re.compile(
    r"\{\\(title|author|subject|keywords)(?:\\[a-z]{1,20}-?\d{0,5})* ?([^{}]{1,2000})\}"
)
# What striprtf raises on files that are broken in ways it did not foresee.
_BROKEN = (AttributeError, IndexError, KeyError, LookupError, TypeError, ValueError)


def read_rtf(blob: Blob, limits: ParseLimits) -> Parsed:
    if not blob.content.strip():
        raise Unreadable(f"{blob.source!r} is empty.", reason="empty")
    if not blob.content.lstrip().startswith(_MAGIC):
        raise Unreadable(f"{blob.source!r} is no RTF file.", reason="malformed")
    if blob.content.count(b"{") > _MOST_GROUPS:
        raise TooLarge(f"{blob.source!r} has more than {_MOST_GROUPS:,} groups.")
    # RTF is ASCII with escapes; other bytes are text in the code page of Windows.
    source = blob.content.decode("cp1252", "replace")
    page = _CODE_PAGE.search(source[:2000])
    text = _text(source, f"cp{page.group(1)}" if page else "cp1252", blob.source)
    outline = Outline(blob, limits.characters)
    check_characters(len(text), blob.source, limits.characters)
    _add_all(outline, clean(text))
    metadata: dict[str, MetadataValue] = {}
    for name, value in _INFO.findall(source):
        metadata[name] = " ".join(
            clean(_text(f"{{\\rtf1 {value}}}", "cp1252", blob.source)).split()
        )
    metadata = {name: value for name, value in metadata.items() if value}
    title = metadata.pop("title", None)
    warnings = ("Binary data in it was passed over.",) if _BINARY.search(blob.content) else ()
    return outline.parsed(
        VERSION,
        "application/rtf",
        title=str(title) if title else None,
        metadata=metadata,
        warnings=warnings,
    )


def _text(source: str, code_page: str, name: str) -> str:
    try:
        "".encode(code_page)
    except LookupError:
        code_page = "cp1252"
    try:
        return cast(str, rtf_to_text(source, encoding=code_page, errors="replace"))
    except _BROKEN as error:
        raise Unreadable(f"{name!r} is no valid RTF file: {error}", reason="malformed") from error


def _add_all(outline: Outline, text: str) -> None:
    """Paragraphs, and tables: striprtf puts a bar behind each cell, after the cell's last line."""
    rows: list[list[str]] = []
    lines: list[str] = []

    def flush() -> None:
        outline.add(table_text(rows, header=_is_grid(rows)), "table")
        for paragraph in paragraphs("\n".join(lines)):
            outline.add(paragraph)
        rows.clear()
        lines.clear()

    for line in text.replace("\n|", "|").split("\n"):
        is_row = line.rstrip().endswith("|")
        if line.strip() and is_row != bool(rows):
            flush()
        if is_row:
            rows.append([cell.strip() for cell in line.rstrip().removesuffix("|").split("|")])
        else:
            lines.append(line)
    flush()


def _is_grid(rows: list[list[str]]) -> bool:
    widths = {len(row) for row in rows}
    return len(rows) > 1 and len(widths) == 1 and min(widths) > 1 and all(rows[0])
