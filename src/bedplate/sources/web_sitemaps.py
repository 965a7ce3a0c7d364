"""Pages by sitemaps, and by the sitemaps that those name."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass

from bedplate.errors import ConfigError, InvalidInput, NotFound, Unavailable, UpstreamError
from bedplate.sources.protocol import Gap, Item
from bedplate.sources.web_pages import Pages
from bedplate.sources.web_sitemap import MAX_BYTES, Sitemap, read_sitemap
from bedplate.sources.web_url import PROVIDER, canonical, site_of
from bedplate.sources.web_wanted import Seen, Wanted

MAX_SITEMAPS = 10_000
MAX_DEPTH = 3


@dataclass(frozen=True, slots=True)
class Sitemaps:
    """`trust_lastmod`: a page's lastmod is its version."""

    pages: Pages
    wanted: Wanted
    trust_lastmod: bool

    async def list(self, starts: Sequence[str]) -> AsyncGenerator[Item | Gap]:
        """A sitemap that fails ends it; one that another one names is a gap in everything."""
        met = Seen()
        waiting = deque((url, 0) for url in starts if met.add(url))
        while waiting:
            url, level = waiting.popleft()
            try:
                found = await self._read(url)
            except (UpstreamError, Unavailable, ConfigError) as error:
                if level == 0:
                    raise
                yield Gap("", error.code, error.message)
                continue
            for each in self._pages_of(url, found):
                yield each
                if isinstance(each, Gap) and each.code == "too_many_pages":
                    return
            below = [each for each in self._below(url, found) if met.add(each)]
            if below and (level == MAX_DEPTH or len(met) > MAX_SITEMAPS):
                yield Gap("", "too_many_sitemaps", f"{url!r} names more sitemaps than are read.")
            else:
                waiting.extend((each, level + 1) for each in below)
            if found.fault is not None:
                message = f"The sitemap {url!r} cannot be read to its end: {found.fault}."
                if level == 0:
                    raise UpstreamError(message, provider=PROVIDER)
                yield Gap("", "sitemap", message)

    async def _read(self, url: str) -> Sitemap:
        try:
            reply = await self.pages.get(url, max_bytes=MAX_BYTES)
        except (InvalidInput, NotFound) as error:
            raise ConfigError(f"The sitemap {url!r} cannot be used: {error.message}") from error
        return await asyncio.to_thread(read_sitemap, reply.content if reply else b"")

    def _pages_of(self, url: str, found: Sitemap) -> Iterator[Item | Gap]:
        elsewhere = ""
        own = False
        for where, changed in found.pages:
            page = canonical(where, url)
            if page is None:
                continue
            if (site := site_of(page)) not in self.wanted.sites:
                elsewhere = site
                continue
            own = True
            if not self.wanted.takes(page):
                continue
            if len(self.wanted.listed) > self.wanted.most:
                yield self.wanted.gap()
                return
            yield Item(page, changed if self.trust_lastmod else None)
        if elsewhere and not own:
            message = f"The sitemap {url!r} names only pages elsewhere, such as of {elsewhere!r}."
            yield Gap("", "other_hosts", f"{message} Name that in hosts.")

    def _below(self, url: str, found: Sitemap) -> Iterator[str]:
        for where in found.sitemaps:
            below = canonical(where, url)
            if below is not None and site_of(below) in self.wanted.sites:
                yield below
