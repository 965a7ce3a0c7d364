"""reStructuredText, Org, AsciiDoc, LaTeX and Typst as text under their headings."""

import re
from collections.abc import Callable, Iterator, Sequence

from bedplate.domain.documents import Blob, Parsed
from bedplate.parsers.decode import decode
from bedplate.parsers.outline import Outline, file_name, paragraphs
from bedplate.parsers.protocol import ParseLimits

VERSION = "markup/1"

_STARS = re.compile(r"(\*{1,8})\s+(?:(?:TODO|DONE)\s+)?(\S.*?)(?:\s+:[\w@:]{1,100}:)?\s*$")
_EQUALS = re.compile(r"(={1,6})\s+(\S.*?)(?:\s+=+)?\s*$")
_COMMAND = re.compile(
    r"\s*\\(part|chapter|(?:sub){0,2}section|paragraph)\*?(?:\[[^\]]{0,200}\])?\{(.{1,300})\}"
)
_COMMANDS = {
    "part": 1,
    "chapter": 1,
    "section": 2,
    "subsection": 3,
    "subsubsection": 4,
    "paragraph": 5,
}
_RULE = re.compile(r"([=\-~^\"'`#*+.:_<>])\1{2,}\s*$")
_FENCES = {
    "org": (re.compile(r"\s*#\+begin_(?:src|example)\b", re.I), re.compile(r"\s*#\+end_", re.I)),
    "adoc": (re.compile(r"(?:-{4,}|\.{4,})\s*$"), re.compile(r"(?:-{4,}|\.{4,})\s*$")),
    "tex": (
        re.compile(r"\s*\\begin\{(?:verbatim|lstlisting|minted)\}"),
        re.compile(r"\s*\\end\{(?:verbatim|lstlisting|minted)\}"),
    ),
    "typ": (re.compile(r"\s*```"), re.compile(r"\s*```\s*$")),
}  # fmt: skip
_ALIASES = {"asciidoc": "adoc", "asc": "adoc", "latex": "tex", "rest": "rst"}
_COMMENTS = {"tex": "%", "typ": "//", "adoc": "//", "org": "# "}

Heading = tuple[int, str]
FindHeading = Callable[[Sequence[str], int], tuple[Heading, int] | None]
"""The heading at a line and how many lines it takes."""


def read_light_markup(blob: Blob, limits: ParseLimits) -> Parsed:
    """Marks inside the text, such as links and emphasis, stay as they are written."""
    decoded = decode(blob.content, blob.source, most_characters=limits.characters)
    ending = file_name(blob.source).rpartition(".")[2].lower()
    dialect = _ALIASES.get(ending, ending)
    outline = Outline(blob, limits.characters)
    for piece in _pieces(decoded.text.split("\n"), dialect):
        match piece:
            case (int() as level, str() as title):
                outline.heading(title, level)
            case (str() as kind, str() as text):
                for part in [text] if kind == "code" else paragraphs(text):
                    outline.add(part, "code" if kind == "code" else "paragraph")
            case _:
                continue
    return outline.parsed(
        VERSION,
        "text/x-markup",
        title=outline.first_heading(level=1) or outline.first_heading(),
        metadata={},
        warnings=decoded.warnings,
    )


def _pieces(lines: Sequence[str], dialect: str) -> Iterator[Heading | tuple[str, str]]:
    find = _finder(dialect)
    fence = _FENCES.get(dialect)
    comment = _COMMENTS.get(dialect)
    held: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if fence and fence[0].match(line):
            yield "paragraph", "\n".join(held)
            held = []
            end = next(
                (n for n in range(at + 1, len(lines)) if fence[1].match(lines[n])), len(lines)
            )
            yield "code", "\n".join(lines[at + 1 : end])
            at = end + 1
        elif found := find(lines, at):
            yield "paragraph", "\n".join(held)
            held = []
            yield found[0]
            at += found[1]
        else:
            if not (comment and line.startswith(comment)):
                held.append(line)
            at += 1
    yield "paragraph", "\n".join(held)


def _finder(dialect: str) -> FindHeading:
    if dialect == "rst":
        return _Underlines().find
    patterns = {"org": _STARS, "adoc": _EQUALS, "typ": _EQUALS}

    def find(lines: Sequence[str], at: int) -> tuple[Heading, int] | None:
        if dialect == "tex":
            command = _COMMAND.match(lines[at])
            return ((_COMMANDS[command.group(1)], command.group(2)), 1) if command else None
        marks = patterns.get(dialect, _EQUALS).match(lines[at])
        return ((len(marks.group(1)), marks.group(2)), 1) if marks else None

    return find


class _Underlines:
    """Headings of reStructuredText: each style of line is a level, in the order they come."""

    def __init__(self) -> None:
        self._styles: list[str] = []

    def find(self, lines: Sequence[str], at: int) -> tuple[Heading, int] | None:
        over = _RULE.match(lines[at])
        if over and at + 2 < len(lines) and lines[at + 1].strip():
            under = _RULE.match(lines[at + 2])
            if under and under.group(1) == over.group(1):
                return (self._level(f"over {under.group(1)}"), lines[at + 1].strip()), 3
        line = lines[at].rstrip()
        under = _RULE.match(lines[at + 1]) if at + 1 < len(lines) else None
        before = lines[at - 1].strip() if at else ""
        if not line.strip() or line[0].isspace() or under is None or before or _RULE.match(line):
            return None
        if len(under.group().rstrip()) < len(line):
            return None
        return (self._level(under.group(1)), line), 2

    def _level(self, style: str) -> int:
        if style not in self._styles:
            self._styles.append(style)
        return self._styles.index(style) + 1
