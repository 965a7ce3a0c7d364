"""Pages by following links: breadth first, one after the other, within the sites that were named."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from bedplate.errors import ConfigError, NotFound, Unavailable, Unreadable, UpstreamError
from bedplate.sources.fetch import Reply
from bedplate.sources.protocol import Gap, Item
from bedplate.sources.web_pages import Pages, fingerprint, version
from bedplate.sources.web_url import links, site_of
from bedplate.sources.web_wanted import Seen, Wanted

MAX_HTML = 10_485_760
"""Bytes of a page in which links are looked for."""

MET_PER_PAGE = 10
"""Pages that may be known of for each one that may be listed."""

FAILURES = 5
"""Pages in a row for which a server may fail."""

HTML = frozenset({"text/html", "application/xhtml+xml"})


@dataclass(slots=True)
class Crawl:
    """One crawl, which is used up. `depth` counts links from a start."""

    pages: Pages
    wanted: Wanted
    depth: int
    _met: Seen = field(default_factory=Seen)
    _waiting: deque[tuple[str, int]] = field(default_factory=deque[tuple[str, int]])
    _failures: int = 0

    async def list(self, starts: Sequence[str]) -> AsyncGenerator[Item | Gap]:
        """A start that fails ends it. Whether there is more below another page that fails is not
        known: that is a gap in everything.
        """
        self._waiting.extend((url, 0) for url in starts if self._met.add(url))
        looked_at = 0
        while self._waiting:
            if looked_at == self.wanted.most:
                yield self.wanted.gap()
                return
            looked_at += 1
            url, level = self._waiting.popleft()
            found = await self._look(url, start=level == 0)
            if isinstance(found, Gap):
                yield found
            if not isinstance(found, Reply):
                continue
            if self.wanted.takes(found.url):
                yield Item(found.url, _version(found))
            if level < self.depth and not await self._follow(found, level + 1):
                yield self.wanted.gap()
                return

    async def _look(self, url: str, *, start: bool) -> Reply | Gap | None:
        """A page; None for one that is no part of the site, or was met under another URL."""
        try:
            reply = await self.pages.get(url, max_bytes=MAX_HTML, cut=True, wants=_is_html)
        except (NotFound, Unreadable) as error:
            if start:
                raise ConfigError(f"The crawl cannot begin: {error.message}") from error
            # What is gone is not there, and what is closed to robots is not for us.
            if isinstance(error, NotFound) or error.reason == "robots":
                return None
            return Gap("", error.reason, f"{error.message} An exclude would leave it out.")
        except (UpstreamError, Unavailable) as error:
            self._failures += 1
            if start or self._failures == FAILURES:
                raise
            return Gap("", error.code, error.message)
        self._failures = 0
        if reply is None or reply.url == url:
            return reply
        if start and site_of(reply.url) not in self.wanted.sites:
            raise ConfigError(
                f"{url!r} leads to {reply.url!r}: begin there, or name {site_of(reply.url)!r} in hosts."
            )
        met = not self._met.add(reply.url)
        return None if met or not (start or self.wanted.follows(reply.url)) else reply

    async def _follow(self, reply: Reply, level: int) -> bool:
        """Queue the links of a page; False where there are too many."""
        if not _is_html(reply.media_type):
            return True
        for found in await asyncio.to_thread(links, reply.content, reply.url):
            if len(self._met) >= MET_PER_PAGE * self.wanted.most:
                return False
            if self.wanted.follows(found) and self._met.add(found):
                self._waiting.append((found, level))
        return True


def _is_html(media_type: str | None) -> bool:
    return media_type is None or media_type.partition(";")[0].strip().lower() in HTML


def _version(reply: Reply) -> str | None:
    """A hash where all of it was read: servers change their marks more often than their pages."""
    if reply.whole:
        return fingerprint(reply)
    return version(reply).partition(" ")[2] or None
