"""HTML by selectolax (Lexbor, the WHATWG algorithm): what a reader of the page would see."""

import re
from collections.abc import Callable, Iterator

from selectolax.lexbor import LexborHTMLParser, LexborNode

from bedplate.domain.documents import Blob, Metadata, MetadataValue, Parsed
from bedplate.errors import Unreadable
from bedplate.parsers.decode import Decoded, clean, decode
from bedplate.parsers.outline import Outline
from bedplate.parsers.protocol import ParseLimits
from bedplate.parsers.tables import Cell, spread, table_text

VERSION = "html/1"

_CHARSET = re.compile(rb"""charset\s*=\s*["']?\s*([\w.:-]{1,40})|encoding=["']([\w.-]{1,40})["']""")
_CODE = frozenset(
    [
        "script",
        "style",
        "template",
        "noscript",
        "svg",
        "iframe",
        "object",
        "head",
        "input",
        "canvas",
        "audio",
        "video",
        "map",
        "math",
    ]
)
"""Holds no text that is meant to be read where it stands."""

_DROPPED = _CODE | {"nav", "select", "button", "textarea", "dialog"}
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "center",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "header",
        "hgroup",
        "hr",
        "html",
        "legend",
        "main",
        "p",
        "section",
        "summary",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "caption",
        "li",
        "ul",
        "ol",
        "table",
        "pre",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
    ]
)
_MARK_ALONE = re.compile(r"-?|\d+\.")
_STRUCTURE = frozenset(["table", "h1", "h2", "h3", "h4", "h5", "h6"])
_HIDING = re.compile(
    r"display:none|visibility:(?:hidden|collapse)|font-size:0(?:[a-z%;]|$)"
    r"|(?<![a-z-])opacity:0(?:\.0+)?(?:;|$)|text-indent:-\d{3}"
)
_META = {
    "description": ("description", "og:description"),
    "date": ("date", "article:published_time", "dc.date", "dcterms.date", "pubdate"),
    "modified": ("last-modified", "article:modified_time", "dcterms.modified"),
    "author": ("author", "article:author", "dc.creator"),
    "keywords": ("keywords",),
}


def read_html(blob: Blob, limits: ParseLimits) -> Parsed:
    decoded = _decoded(blob.content, blob.source, limits.characters)
    tree = LexborHTMLParser(decoded.text)
    outline = Outline(blob, limits.characters)
    if tree.body is not None:
        add_html(outline, tree.body)
    if not outline.blocks:
        raise Unreadable(f"{blob.source!r} shows no text to a reader.", reason="empty")
    return outline.parsed(
        VERSION,
        "text/html",
        title=_title(tree) or outline.first_heading(level=1) or outline.first_heading(),
        metadata=_metadata(tree),
        warnings=decoded.warnings,
    )


def add_html(outline: Outline, root: LexborNode) -> None:
    """Add what an element shows to its reader."""
    _Reader(outline).read(root)


def read_into(outline: Outline, content: bytes, *, title: str | None) -> None:
    """Add a page of a larger document; `title` heads it where it has no heading of its own.

    Unreadable when it is not text.
    """
    decoded = _decoded(content, outline.source, outline.most_characters)
    tree = LexborHTMLParser(decoded.text)
    if tree.body is None:
        return
    if title and not any(tree.body.css_first(tag) is not None for tag in ("h1", "h2", "h3")):
        outline.heading(title, 1)
    add_html(outline, tree.body)


def _decoded(content: bytes, source: str, most_characters: int) -> Decoded:
    declared = _CHARSET.search(content[:2048])
    charset = (declared.group(1) or declared.group(2)).decode() if declared else None
    return decode(content, source, most_characters=most_characters, declared=charset)


def _walk(
    root: LexborNode, drop: Callable[[LexborNode], None] | None = None
) -> Iterator[tuple[LexborNode, bool]]:
    """Each shown node on the way in (True) and, if an element, on the way out (False).

    `drop` is told of each that is not shown, but not of what is in it. Goes without recursion: pages
    may nest deeper than the stack.
    """
    stack: list[tuple[LexborNode, bool]] = [(root, True)]
    while stack:
        node, entering = stack.pop()
        yield node, entering
        if not entering:
            continue
        stack.append((node, False))
        child = node.last_child
        while child is not None:
            if _is_shown(child):
                stack.append((child, True))
            elif drop is not None:
                drop(child)
            child = child.prev


def _is_shown(node: LexborNode) -> bool:
    if node.is_text_node:
        return True
    if not node.is_element_node or node.tag in _DROPPED:
        return False
    attributes = node.attributes
    if not attributes:
        return True
    if "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return False
    style = attributes.get("style")
    return not (style and _HIDING.search(re.sub(r"\s", "", style.lower())))


class _Reader:
    """Turns one walk over the body into blocks."""

    def __init__(self, outline: Outline) -> None:
        self._outline = outline
        self._inline: list[str] = []

    def read(self, root: LexborNode) -> None:
        skip_until: LexborNode | None = None
        for node, entering in _walk(root, self._drop):
            if skip_until is not None:
                if not entering and node.mem_id == skip_until.mem_id:
                    skip_until = None
                continue
            if node.is_text_node:
                if entering:
                    self._inline.append(node.text_content or "")
            elif node.tag == "br":
                self._inline.append("\0" if entering else "")
            elif node.tag in _BLOCKS:
                self._flush()
                if entering and self._takes_whole(node):
                    skip_until = node
        self._flush()

    def _drop(self, node: LexborNode) -> None:
        if node.is_element_node and node.tag not in _CODE:
            self._outline.left_out += len(_flat(node))

    def _takes_whole(self, node: LexborNode) -> bool:
        """Whether the node became one block, so that its inside is done."""
        tag = node.tag or ""
        if level := _HEADINGS.get(tag):
            self._outline.heading(_flat(node), level)
        elif tag == "pre":
            self._outline.add(clean(_raw(node)).strip().expandtabs(4), "code")
        elif tag in {"ul", "ol"} and not _holds(node, _STRUCTURE):
            self._outline.add("\n".join(_items(node)), "list")
        elif tag == "table" and not _holds(node, _STRUCTURE):
            caption = node.css_first("caption")
            self._outline.add(_flat(caption) if caption is not None else "")
            rows = _rows(node)
            self._outline.add(table_text(rows, header=_has_header(node, rows)), "table")
        else:
            return False
        return True

    def _flush(self) -> None:
        if self._inline:
            self._outline.add(_tidy("".join(self._inline)))
            self._inline.clear()


def _tidy(text: str) -> str:
    lines = (" ".join(clean(line).split()) for line in text.split("\0"))
    return "\n".join(line for line in lines if line)


def _raw(node: LexborNode) -> str:
    parts: list[str] = []
    for inner, entering in _walk(node):
        if inner.is_text_node and entering:
            parts.append(inner.text_content or "")
        elif inner.tag == "br" and entering:
            parts.append("\n")
        elif inner.tag in _BLOCKS:
            parts.append(" ")
    return "".join(parts)


def _flat(node: LexborNode) -> str:
    return " ".join(clean(_raw(node)).split())


def _holds(node: LexborNode, tags: frozenset[str]) -> bool:
    return any(
        entering and inner.tag in tags and inner.mem_id != node.mem_id
        for inner, entering in _walk(node)
    )


def _items(root: LexborNode) -> Iterator[str]:
    """A list and the lists inside it as lines: two spaces a level, "-" or the number."""
    numbers: list[int | None] = []
    depth, line = 0, ""
    for node, entering in _walk(root):
        tag = node.tag
        if node.is_text_node:
            line += (node.text_content or "") if entering else ""
        elif tag in {"ul", "ol", "li"}:
            flat = " ".join(clean(line).split())
            if not _MARK_ALONE.fullmatch(flat):
                yield f"{'  ' * (depth - 1)}{flat}"
            line = ""
            if tag == "li" and entering:
                line = _mark(numbers)
            elif tag != "li" and entering:
                numbers.append(0 if tag == "ol" else None)
                depth += 1
            elif tag != "li":
                numbers.pop()
                depth -= 1
        elif tag in _BLOCKS or tag == "br":
            line += " "


def _mark(numbers: list[int | None]) -> str:
    if not numbers or numbers[-1] is None:
        return "- "
    numbers[-1] += 1
    return f"{numbers[-1]}. "


def _rows(table: LexborNode) -> list[list[str]]:
    rows: list[list[Cell]] = []
    for node, entering in _walk(table):
        if entering and node.tag == "tr":
            rows.append([])
        elif entering and node.tag in {"td", "th"} and rows:
            cell = Cell(_flat(node), _span(node, "colspan"), _span(node, "rowspan"))
            rows[-1].append(cell)
    return spread([row for row in rows if row])


def _span(node: LexborNode, name: str) -> int:
    """How far a cell reaches; 1 where it does not say so in plain digits."""
    written = (node.attributes.get(name) or "").strip()
    return int(written) if re.fullmatch(r"[1-9][0-9]{0,3}", written) else 1


def _has_header(table: LexborNode, rows: list[list[str]]) -> bool:
    """A table has a header when it says so, or is wide and regular with a first row of words."""
    if len(rows) < 2 or len(rows[0]) < 2:
        return False
    first = table.css_first("tr")
    if first is not None and first.css_first("th") is not None:
        return first.css_first("td") is None or len(rows[0]) > 2
    regular = len({len(row) for row in rows}) == 1
    return regular and len(rows[0]) > 2 and all(c and not c[0].isdigit() for c in rows[0])


def _title(tree: LexborHTMLParser) -> str | None:
    node = tree.css_first("head > title")
    found = " ".join(node.text().split()) if node is not None else ""
    return found or _meta(tree).get("og:title")


def _meta(tree: LexborHTMLParser) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in tree.css("meta"):
        attributes = node.attributes
        name = attributes.get("name") or attributes.get("property") or attributes.get("http-equiv")
        content = " ".join(clean(attributes.get("content") or "").split())
        if name and content:
            found.setdefault(name.strip().lower(), content)
    return found


def _metadata(tree: LexborHTMLParser) -> Metadata:
    meta = _meta(tree)
    metadata: dict[str, MetadataValue] = {}
    for field, names in _META.items():
        value = next((meta[name] for name in names if name in meta), None)
        if value is not None:
            metadata[field] = value
    root = tree.css_first("html")
    language = root.attributes.get("lang") if root is not None else None
    if language:
        metadata["lang"] = clean(language).strip()
    return metadata
