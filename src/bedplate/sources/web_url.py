"""URLs as keys: one spelling for each page."""

from fnmatch import fnmatchcase

from selectolax.lexbor import LexborHTMLParser
from yarl import URL

PROVIDER = "web"
"""What errors call the servers of pages."""

MAX_URL = 2_000
MAX_LINKS = 10_000
"""Of one page."""


def canonical(url: str, within: str | None = None) -> str | None:
    """An http or https URL in its one spelling (RFC 3986 6.2), without the fragment; None for what
    is none. A relative one is read `within` the page it stands on.
    """
    if len(url) > MAX_URL:
        return None
    try:
        found = URL(url.strip())
        if within is not None:
            found = URL(within).join(found)
        if found.scheme not in {"http", "https"} or not found.host or found.user is not None:
            return None
        written = str(found.with_fragment(None))
        if found.raw_path == "/" and not found.raw_query_string:
            written = f"{written.rstrip('/')}/"
    except ValueError:
        return None
    return written if written.isprintable() and len(written) <= MAX_URL else None


def site_of(url: str) -> str:
    """The host, with its port where that is not the usual one."""
    found = URL(url)
    host = (found.host or "").lower()
    return host if found.is_default_port() else f"{host}:{found.port}"


def fits(url: str, include: tuple[str, ...], exclude: tuple[str, ...]) -> bool:
    """By shell patterns on the whole URL."""
    if any(fnmatchcase(url, pattern) for pattern in exclude):
        return False
    return not include or any(fnmatchcase(url, pattern) for pattern in include)


def links(html: bytes, page: str) -> list[str]:
    """The pages that a page links to, in its order, each once; MAX_LINKS at most."""
    tree = LexborHTMLParser(html)
    base = tree.css_first("base[href]")
    within = (canonical(base.attributes.get("href") or "", page) if base else None) or page
    found: dict[str, None] = {}
    for node in tree.css("a[href], area[href]"):
        url = canonical(node.attributes.get("href") or "", within)
        if url is not None:
            found[url] = None
            if len(found) == MAX_LINKS:
                break
    return list(found)
