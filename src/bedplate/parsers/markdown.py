"""Markdown after CommonMark 0.31 and GitHub's tables: the block structure, without inline marks."""

import html
import re
from collections.abc import Sequence

from bedplate.domain.documents import Blob, Metadata, MetadataValue, Parsed, Scalar
from bedplate.parsers.decode import decode
from bedplate.parsers.outline import Outline
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.tables import table_text
from bedplate.parsers.values import scalar

VERSION = "markdown/1"

_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*))?$")
_SETEXT = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ITEM = re.compile(r"[ \t]*(?:[-*+]|\d{1,9}[.)])[ \t]+\S")
_RULE = re.compile(r" {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
_DELIMITERS = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
_KEY = re.compile(r"([A-Za-z_][\w .-]{0,99}?)[ \t]*:(?:[ \t]+(.*))?$")
_CODE_SPAN = re.compile(r"(`{1,2})([^`\n]+)\1")
_LINK = re.compile(r"!?\[([^\[\]\n]*)\](?:\([^()\n]*\)|\[[^\[\]\n]*\])")
_EMPHASIS = re.compile(r"(\*{1,3})(?=[^\s*])([^*\n]+)(?<=\S)\1")
_AUTOLINK = re.compile(r"<((?:https?://|mailto:)[^<>\s]+)>")
_TAG = re.compile(
    r"</?(?:a|b|br|center|details|div|em|font|h[1-6]|hr|i|img|kbd|li|ol|p|picture|source|span"
    r"|strong|sub|summary|sup|table|tbody|td|th|thead|tr|u|ul)(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


def read_markdown(blob: Blob, limits: ParseLimits) -> Parsed:
    decoded = decode(blob.content, blob.source, most_characters=limits.characters)
    lines = decoded.text.split("\n")
    metadata, start = _front_matter(lines)
    body = _without_comments("\n".join(lines[start:]))
    outline = Outline(blob, limits.characters)
    _Reader(body.expandtabs(4).split("\n"), outline).read()
    if not outline.blocks and metadata:
        outline.add("\n".join(f"{name}: {value}" for name, value in metadata.items()))
    title = metadata.get("title")
    return outline.parsed(
        VERSION,
        "text/markdown",
        title=title if isinstance(title, str) else outline.first_heading(level=1),
        metadata=metadata,
        warnings=decoded.warnings,
    )


class _Reader:
    """Goes through the lines once; `at` is the line in hand."""

    def __init__(self, lines: Sequence[str], outline: Outline) -> None:
        self._lines = lines
        self._outline = outline
        self._at = 0
        self._paragraph: list[str] = []

    def read(self) -> None:
        while self._at < len(self._lines):
            line = self._lines[self._at]
            if not line.strip():
                self._flush()
                self._at += 1
            elif fence := _FENCE.match(line):
                self._flush()
                self._code(fence.group(1))
            elif heading := _ATX.match(line):
                self._flush()
                title = re.sub(r"(?:^|[ \t])#+[ \t]*$", "", heading.group(2) or "")
                self._outline.heading(_inline(title), len(heading.group(1)))
                self._at += 1
            elif not self._underlined(line) and not self._starts_unit(line):
                self._paragraph.append(line.strip().removeprefix(">").strip())
                self._at += 1
        self._flush()

    def _underlined(self, line: str) -> bool:
        underline = _SETEXT.match(line)
        if underline is None or not self._paragraph:
            return False
        title = _inline(" ".join(self._paragraph))
        self._paragraph.clear()
        self._outline.heading(title, 1 if underline.group(1)[0] == "=" else 2)
        self._at += 1
        return True

    def _starts_unit(self, line: str) -> bool:
        if _RULE.match(line):
            self._flush()
            self._at += 1
        elif "|" in line and self._at + 1 < len(self._lines) and self._is_table(line):
            self._flush()
            self._table()
        elif _ITEM.match(line):
            self._flush()
            self._list()
        else:
            return False
        return True

    def _is_table(self, line: str) -> bool:
        under = self._lines[self._at + 1]
        return bool(_DELIMITERS.match(under)) and len(_cells(under)) == len(_cells(line))

    def _code(self, fence: str) -> None:
        self._at += 1
        inside: list[str] = []
        while self._at < len(self._lines):
            line = self._lines[self._at]
            self._at += 1
            closing = _FENCE.match(line)
            if closing and closing.group(1).startswith(fence) and line.strip(" `~") == "":
                break
            inside.append(line)
        self._outline.add("\n".join(inside), "code")

    def _table(self) -> None:
        rows = [_cells(self._lines[self._at])]
        self._at += 2
        while self._at < len(self._lines) and "|" in self._lines[self._at]:
            rows.append(_cells(self._lines[self._at]))
            self._at += 1
        tidy = [[_inline(cell) for cell in row] for row in rows]
        self._outline.add(table_text(tidy, header=True), "table")

    def _list(self) -> None:
        items: list[str] = []
        while self._at < len(self._lines):
            line = self._lines[self._at]
            following = self._lines[self._at + 1] if self._at + 1 < len(self._lines) else ""
            if _RULE.match(line) or _ATX.match(line) or _FENCE.match(line):
                break
            if _ITEM.match(line):
                indent = len(line) - len(line.lstrip())
                items.append(" " * indent + _inline(line.strip()))
            elif line.strip():
                items[-1] = f"{items[-1]} {_inline(line.strip())}"
            elif not (_ITEM.match(following) or (following[:2] == "  " and following.strip())):
                break
            self._at += 1
        self._outline.add("\n".join(items), "list")

    def _flush(self) -> None:
        if self._paragraph:
            self._outline.add(_inline("\n".join(self._paragraph)))
            self._paragraph.clear()


def _without_comments(text: str) -> str:
    kept: list[str] = []
    at = 0
    while (start := text.find("<!--", at)) >= 0:
        end = text.find("-->", start + 4)
        if end < 0:
            break
        kept.append(text[at:start])
        at = end + 3
    return "".join((*kept, text[at:]))


def _cells(line: str) -> list[str]:
    text = line.strip().removeprefix("|")
    if text.endswith("|") and not text.endswith("\\|"):
        text = text[:-1]
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", text)]


def _inline(text: str) -> str:
    """Text as a reader sees it: no link targets, emphasis marks, tags or escapes; code as it is."""
    parts: list[str] = []
    end = 0
    for span in _CODE_SPAN.finditer(text):
        parts += [_prose(text[end : span.start()]), span.group(2)]
        end = span.end()
    parts.append(_prose(text[end:]))
    return "".join(parts).strip()


def _prose(text: str) -> str:
    text = _LINK.sub(r"\1", text)
    text = _AUTOLINK.sub(r"\1", text)
    text = _TAG.sub("", text)
    text = _EMPHASIS.sub(r"\2", text)
    return html.unescape(_ESCAPE.sub(r"\1", text))


def _front_matter(lines: Sequence[str]) -> tuple[Metadata, int]:
    """The `key: value` head between two lines of ---, and the line where the text starts.

    Flat on purpose: scalars, [a, b] lists and "- item" lists; what is nested deeper is skipped.
    """
    if lines[0].strip() != "---":
        return {}, 0
    end = next(
        (n for n, line in enumerate(lines[1:500], 1) if line.strip() in {"---", "..."}), None
    )
    if end is None or not any(_KEY.match(line) for line in lines[1:end]):
        return {}, 0
    metadata: dict[str, MetadataValue] = {}
    items: list[Scalar] = []
    key = ""
    for line in lines[1:end]:
        if match := _KEY.match(line):
            key, items = match.group(1), []
            metadata[key] = _front_value(match.group(2) or "")
        elif key and metadata[key] in (None, items) and line.strip().startswith("- "):
            value = scalar(line.strip()[2:])
            if value is not None:
                items.append(value)
                metadata[key] = items
    return metadata, end + 1


def _front_value(text: str) -> MetadataValue:
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        values = (scalar(part) for part in text[1:-1].split(","))
        return [value for value in values if value is not None]
    return scalar(text)
