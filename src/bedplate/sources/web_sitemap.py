"""Sitemaps (https://www.sitemaps.org/protocol.html): lists of URLs, and lists of such lists."""

import zlib
from dataclasses import dataclass, field
from xml.parsers import expat

from bedplate.sources.gunzip import MAGIC, Gunzip

MAX_BYTES = 52_428_800
"""Of one sitemap, expanded: the protocol's own limit."""

MAX_ENTRIES = 50_000
"""Of one sitemap: the protocol's own limit."""

_LONGEST = 4_096


@dataclass(slots=True)
class Sitemap:
    """`pages` are URLs with their lastmod; `fault` says what kept the rest from being read."""

    pages: list[tuple[str, str | None]] = field(default_factory=list[tuple[str, str | None]])
    sitemaps: list[str] = field(default_factory=list[str])
    fault: str | None = None


class _Stop(Exception):
    pass


def read_sitemap(content: bytes) -> Sitemap:
    """A sitemap in XML or plain text, gzipped or not; what was read before a fault is kept."""
    found = Sitemap()
    if content.startswith(MAGIC):
        gunzip = Gunzip()
        try:
            content = gunzip.feed(content, MAX_BYTES + 1)
        except zlib.error:
            found.fault = "its gzip is broken"
            return found
        if len(content) > MAX_BYTES:
            content, found.fault = content[:MAX_BYTES], f"it has more than {MAX_BYTES:,} bytes"
        elif not gunzip.complete:
            found.fault = "its gzip ends too early"
    head = content[:200].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith((b"http://", b"https://")):
        _read_lines(content, found)
    else:
        _Reader(found).read(content)
    return found


def _read_lines(content: bytes, found: Sitemap) -> None:
    for line in content.decode("utf-8-sig", errors="replace").splitlines():
        if len(found.pages) == MAX_ENTRIES:
            found.fault = f"it has more than {MAX_ENTRIES:,} lines"
            return
        if line.strip():
            found.pages.append((line.strip(), None))


class _Reader:
    """Expat's events as entries. A document type, and with it every entity, is refused."""

    def __init__(self, found: Sitemap) -> None:
        self._found = found
        self._path: list[str] = []
        self._root = ""
        self._text: dict[str, str] = {}
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._refuse

    def read(self, content: bytes) -> None:
        try:
            self._parser.Parse(content, True)  # noqa: FBT003 - expat's
        except expat.ExpatError as error:
            self._found.fault = self._found.fault or f"it is no valid XML ({error})"
        except _Stop as stop:
            self._found.fault = str(stop)
        else:
            if self._root not in {"urlset", "sitemapindex"}:
                self._found.fault = f"it is no sitemap, but {self._root[:40]!r}"

    def _start(self, name: str, _: dict[str, str]) -> None:
        # Prefixes are free to choose; the names are not.
        local = name.rpartition(":")[2]
        if not self._path:
            self._root = local
        if len(self._path) >= 20:
            raise _Stop("its elements are nested too deeply")
        self._path.append(local)
        if len(self._path) == 2:
            self._text = {}

    def _characters(self, text: str) -> None:
        if len(self._path) == 3 and self._path[2] in {"loc", "lastmod"}:
            held = self._text.get(self._path[2], "")
            self._text[self._path[2]] = (held + text)[:_LONGEST]

    def _end(self, _: str) -> None:
        if len(self._path) == 2 and (where := self._text.get("loc", "").strip()):
            if len(self._found.pages) + len(self._found.sitemaps) == MAX_ENTRIES:
                raise _Stop(f"it has more than {MAX_ENTRIES:,} entries")
            if self._path == ["sitemapindex", "sitemap"]:
                self._found.sitemaps.append(where)
            elif self._path == ["urlset", "url"]:
                changed = self._text.get("lastmod", "").strip()
                self._found.pages.append((where, changed or None))
        self._path.pop()

    def _refuse(self, *_: object) -> None:
        raise _Stop("it declares a document type, which sitemaps have no use for")
