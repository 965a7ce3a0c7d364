"""XML by lxml: records as "name: value" lines, running text as paragraphs under its titles."""

# lxml carries no type information; what is taken from an element is given its type here.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false

import html
import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from bedplate.domain.documents import Blob, Parsed
from bedplate.errors import Unreadable
from bedplate.parsers.decode import clean, decode
from bedplate.parsers.outline import Outline
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.tables import table_text

VERSION = "xml/1"

Element = Any

_DECLARATION = re.compile(r"<\?xml\b[^>]{0,300}\?>")
_ENCODING = re.compile(rb"""<\?xml[^>]{0,200}encoding\s*=\s*["']([\w.-]{1,40})""")
_TITLES = frozenset(["title", "head", "heading", "article-title", "chapter-title", "subtitle"])
_PROSE = frozenset(
    ["p", "para", "simpara", "formalpara", "text", "li", "listitem", "quote", "blockquote", "note"]
)
_TABLES = frozenset(["table", "informaltable", "tgroup"])
_ROWS = frozenset(["tr", "row"])
_CELLS = frozenset(["td", "th", "entry", "cell"])
_NAMES = ("title", "text", "name", "label")
_DEEPEST_HEADING = 6
_MOST_IN_LAYER = 1_000


def read_xml(blob: Blob, limits: ParseLimits) -> Parsed:
    """No entity is resolved, no document type loaded and no address opened.

    Raises:
        Unreadable: malformed; unsafe: it declares entities.
    """
    declared = _ENCODING.match(blob.content[:400].lstrip())
    charset = declared.group(1).decode() if declared else None
    decoded = decode(blob.content, blob.source, most_characters=limits.characters, declared=charset)
    text = decoded.text.lstrip()
    if declaration := _DECLARATION.match(text):
        text = text[declaration.end() :]
    if "<!ENTITY" in text:
        raise Unreadable(
            f"{blob.source!r} declares XML entities, which can unpack without end or name other "
            "files; it was not opened.",
            reason="unsafe",
        )
    outline = Outline(blob, limits.characters)
    root = _root(text, blob.source)
    _Reader(outline).read(root, 1)
    return outline.parsed(
        VERSION,
        "application/xml",
        title=_title(root),
        metadata={},
        warnings=decoded.warnings,
    )


def _root(text: str, source: str) -> Element:
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(text.encode(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unreadable(f"{source!r} is not valid XML: {error}", reason="malformed") from error


class _Reader:
    """Goes down the tree; libxml2 lets none be deeper than 256."""

    def __init__(self, outline: Outline) -> None:
        self._outline = outline

    def read(self, element: Element, level: int) -> None:
        name = _name(element)
        if name in _TABLES and (rows := list(_rows(element))):
            self._outline.add(table_text(rows, header=len(rows) > 1), "table")
        elif _is_text(element):
            self._text(element, name, level)
        elif _is_record(element):
            self._outline.add("\n".join(_lines(element)))
        else:
            self._parts(element, level)

    def _text(self, element: Element, name: str, level: int) -> None:
        text = _flat(element)
        if name in _TITLES and text:
            self._outline.heading(text, min(level, _DEEPEST_HEADING))
        elif name in _PROSE or len(element):
            self._outline.add(text)
        else:
            self._outline.add("\n".join(_lines_of_leaf(element)))

    def _parts(self, element: Element, level: int) -> None:
        """Children in their order; leaves that stand together are one block."""
        below = level
        if titled := next((element.get(name) for name in _NAMES if element.get(name)), None):
            self._outline.heading(clean(titled), min(level, _DEEPEST_HEADING))
            below = level + 1
        lines: list[str] = []
        for child in element:
            name = _name(child)
            if _is_text(child) and not len(child) and name not in _TITLES | _PROSE:
                lines += _lines_of_leaf(child)
                continue
            self._flush(lines)
            self.read(child, below)
            if name in _TITLES and below == level:
                below = level + 1
        self._flush(lines)

    def _flush(self, lines: list[str]) -> None:
        self._outline.add("\n".join(lines))
        lines.clear()


def _name(element: Element) -> str:
    tag = element.tag
    return etree.QName(tag).localname if isinstance(tag, str) else ""


def _is_text(element: Element) -> bool:
    """Whether it holds characters of its own, not only elements."""
    if not len(element):
        return True
    return any((part or "").strip() for part in (element.text, *(e.tail for e in element)))


def _is_record(element: Element) -> bool:
    return all(not len(child) and _name(child) not in _PROSE for child in element)


def _flat(element: Element) -> str:
    return clean(" ".join(html.unescape("".join(element.itertext())).split()))


def _lines(element: Element) -> Iterator[str]:
    yield from _attributes(element)
    for child in element:
        yield from _lines_of_leaf(child)


def _lines_of_leaf(element: Element) -> Iterator[str]:
    text = _flat(element)
    if text:
        yield f"{_name(element)}: {text}"
    elif found := "; ".join(_attributes(element)):
        yield found


def _attributes(element: Element) -> Iterator[str]:
    """Those of the document's own vocabulary: xml:space and xsi:schemaLocation say nothing."""
    for name, value in element.attrib.items():
        if not name.startswith("{") and value.strip():
            yield f"{name}: {clean(' '.join(value.split()))}"


def _rows(table: Element) -> Iterator[list[str]]:
    for element in table.iter():
        if _name(element) in _ROWS:
            cells = [_flat(cell) for cell in element if _name(cell) in _CELLS]
            if any(cells):
                yield cells


def _title(root: Element) -> str | None:
    """The article's title, or the title nearest to the top."""
    article = root.find(".//{*}article-title")
    if article is not None:
        return _flat(article)
    layer = [root]
    for _ in range(_DEEPEST_HEADING):
        for element in layer:
            if _name(element) in _TITLES and not len(element):
                return _flat(element)
        layer = [child for element in layer for child in element][:_MOST_IN_LAYER]
    return None
