"""Source code and configuration: blocks that begin at top-level definitions, under their names.

The rule is one for all languages: a definition starts at the left margin with a word that
introduces one (or, in C and its kin, looks like a function's head), and reaches to the next.
"""

import re
from collections.abc import Iterator, Sequence

from bedplate.domain.documents import Blob, Parsed
from bedplate.parsers.decode import decode
from bedplate.parsers.languages import LANGUAGES
from bedplate.parsers.outline import Outline, file_name
from bedplate.parsers.protocol import ParseLimits

VERSION = "code/1"

_DEFINITION = re.compile(
    r"(?:(?:export|default|public|private|protected|internal|static|final|abstract|sealed|open|"
    r"async|pub(?:\([a-z ]{1,20}\))?|unsafe|extern|inline|virtual|partial|data|case|declare|"
    r"override|local|create|or replace|temporary)\s+){0,5}"
    r"(?:def|defp|defmodule|defn|class|func|function|fun|fn|struct|enum|interface|trait|impl|"
    r"module|namespace|record|protocol|extension|object|sub|proc|procedure|macro|message|service|"
    r"contract|table|view|trigger|resource|type|union|package)\b[\s*]{1,8}"
    r"(?:if\s+not\s+exists\s+)?(?:\([^()]{1,80}\)\s{0,2})?[\"'`\[]?([\w$.:<>-]{1,100})",
    re.IGNORECASE,
)
_ARROW = re.compile(
    r"(?:export\s+)?(?:const|let|var)\s+([\w$]{1,100})\s{0,4}=\s{0,4}(?:async\s+)?(?:function\b|\(|[\w$]{1,60}\s{0,2}=>)"
)
# A C-like function: a return type, a name, an opening parenthesis and no end of statement.
_HEAD = re.compile(
    r"[A-Za-z_][\w:<>,*&\[\] ]{0,150}[\s*&]([A-Za-z_~][\w:~]{0,100})\s?\([^;=]{0,500}$"
)
_KEYWORDS = frozenset(["if", "for", "while", "switch", "return", "else", "case", "do", "catch"])
_SECTION = re.compile(r"\[{1,2}([^\[\]]{1,100})\]{1,2}\s*(?:[#;].*)?$")
_KEY = re.compile(r"[\"']?([\w.$ /-]{1,100}?)[\"']?\s?:(?:\s|$)")
_LEADS = ("#", "//", "/*", "*", " *", "--", "@", ";", '"""', "%", "[<", "///", "#[")
_LONGEST_BLOCK = 20_000


def read_source_code(blob: Blob, limits: ParseLimits) -> Parsed:
    """Comments, decorators and attributes right above a definition belong to it."""
    decoded = decode(blob.content, blob.source, most_characters=limits.characters)
    ending = file_name(blob.source).rpartition(".")[2].lower()
    language = LANGUAGES.get(ending)
    outline = Outline(blob, limits.characters)
    lines = decoded.text.expandtabs(4).split("\n")
    for name, part in _parts(lines, language):
        outline.heading(name, 1)
        for block in _bounded(part):
            outline.add(block, "code")
    return outline.parsed(
        VERSION,
        "text/x-code",
        title=file_name(blob.source),
        metadata={"programming_language": language} if language else {},
        warnings=decoded.warnings,
    )


def _parts(lines: Sequence[str], language: str | None) -> Iterator[tuple[str, Sequence[str]]]:
    """Runs of lines, each with the name of the definition that it begins with; "" before any."""
    start, name = 0, ""
    for at, line in enumerate(lines):
        found = _name(line, language)
        if found is None:
            continue
        lead = at
        while lead > start and lines[lead - 1].startswith(_LEADS):
            lead -= 1
        yield name, lines[start:lead]
        start, name = lead, found
    yield name, lines[start:]


def _name(line: str, language: str | None) -> str | None:
    """What the line defines; None when it begins no definition."""
    if not line or line[0].isspace():
        return None
    if language in {"TOML", "INI"}:
        section = _SECTION.match(line)
        return section.group(1).strip() if section else None
    if language == "YAML":
        key = _KEY.match(line)
        return key.group(1) if key else None
    for pattern in (_DEFINITION, _ARROW, _HEAD):
        found = pattern.match(line[:1000])
        if (
            found
            and found.group(1) not in _KEYWORDS
            and line.split("(")[0].strip() not in _KEYWORDS
        ):
            return found.group(1).rstrip(":<")
    return None


def _bounded(lines: Sequence[str]) -> Iterator[str]:
    """The lines as one block, or as several where one would be very long."""
    held: list[str] = []
    size = 0
    for line in lines:
        if size > _LONGEST_BLOCK:
            yield "\n".join(held)
            held, size = [], 0
        held.append(line)
        size += len(line) + 1
    yield "\n".join(held)
