"""Sitemaps (https://www.sitemaps.org/protocol.html): lists of URLs, and lists of such lists."""

import zlib
from dataclasses import dataclass, field

from bedplate.sources.gunzip import MAGIC, Gunzip
from bedplate.sources.xml_events import read_xml

MAX_BYTES = 52_428_800
"""Of one sitemap, expanded: the protocol's own limit."""

MAX_ENTRIES = 50_000
"""Of one sitemap: the protocol's own limit."""


@dataclass(slots=True)
class Sitemap:
    """`pages` are URLs with their lastmod; `fault` says what kept the rest from being read."""

    pages: list[tuple[str, str | None]] = field(default_factory=list[tuple[str, str | None]])
    sitemaps: list[str] = field(default_factory=list[str])
    fault: str | None = None


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
        _read_entries(content, found)
    return found


def _read_lines(content: bytes, found: Sitemap) -> None:
    for line in content.decode("utf-8-sig", errors="replace").splitlines():
        if len(found.pages) == MAX_ENTRIES:
            found.fault = f"it has more than {MAX_ENTRIES:,} lines"
            return
        if line.strip():
            found.pages.append((line.strip(), None))


def _read_entries(content: bytes, found: Sitemap) -> None:
    try:
        root = read_xml(content, _Entries(found).ended)
    except ValueError as error:
        found.fault = found.fault or str(error)
        return
    if root not in {"urlset", "sitemapindex"}:
        found.fault = f"it is no sitemap, but {root[:40]!r}"


@dataclass(slots=True)
class _Entries:
    found: Sitemap
    where: str = ""
    changed: str | None = None

    def ended(self, path: tuple[str, ...], text: str) -> None:
        match path:
            case (_, "url" | "sitemap", "loc"):
                self.where = text.strip()
            case (_, "url", "lastmod"):
                self.changed = text.strip() or None
            case ("sitemapindex", "sitemap") | ("urlset", "url"):
                self._add(path[1])
                self.where, self.changed = "", None
            case _:
                pass

    def _add(self, kind: str) -> None:
        if not self.where:
            return
        if len(self.found.pages) + len(self.found.sitemaps) == MAX_ENTRIES:
            raise ValueError(f"it has more than {MAX_ENTRIES:,} entries")
        if kind == "sitemap":
            self.found.sitemaps.append(self.where)
        else:
            self.found.pages.append((self.where, self.changed))
