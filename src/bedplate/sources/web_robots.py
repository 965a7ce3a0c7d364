"""What a site lets robots read: robots.txt (RFC 9309), as protego understands it."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from protego import Protego
from yarl import URL

from bedplate.errors import TooLarge, Unavailable, Unreadable, UpstreamError
from bedplate.sources.fetch import Fetcher
from bedplate.sources.web_url import PROVIDER, canonical, site_of
from bedplate.upstream.turns import in_line

MAX_BYTES = 512_000
"""RFC 9309 2.5 wants at least 500 KiB read."""

REDIRECTS = 5
KEPT_SECONDS = 3_600.0
KEPT_SITES = 1_000
NO_RULES = ""


@dataclass(slots=True)
class _Site:
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)
    rules: Protego | None = None
    until: float = 0.0


class Robots:
    """`agent` is the product token that rules are looked up by."""

    def __init__(self, fetcher: Fetcher, agent: str, longest_delay: float) -> None:
        self._fetcher = fetcher
        self._agent = agent
        self._longest_delay = longest_delay
        self._sites: OrderedDict[str, _Site] = OrderedDict()

    async def check(self, url: str) -> float:
        """The delay in seconds that the site asks for.

        Raises:
            Unreadable: "robots": the site does not want it read.
            UpstreamError, Unavailable: its robots.txt cannot be had now, which forbids everything.
        """
        rules = await self._rules(str(URL(url).origin()))
        if not rules.can_fetch(url, self._agent):
            raise Unreadable(f"{url!r} is closed to robots by its robots.txt.", reason="robots")
        rate = rules.request_rate(self._agent)
        asked = max(
            rules.crawl_delay(self._agent) or 0.0, rate.seconds / rate.requests if rate else 0.0
        )
        return min(asked, self._longest_delay)

    async def _rules(self, origin: str) -> Protego:
        site = self._sites.setdefault(origin, _Site())
        self._sites.move_to_end(origin)
        if len(self._sites) > KEPT_SITES:
            self._sites.popitem(last=False)
        with in_line():
            await site.reading.acquire()
        try:
            now = asyncio.get_running_loop().time()
            if site.rules is None or now >= site.until:
                text = await self._read(f"{origin}/robots.txt")
                site.rules = await asyncio.to_thread(Protego.parse, text)
                site.until = now + KEPT_SECONDS
            return site.rules
        finally:
            site.reading.release()

    async def _read(self, url: str) -> str:
        where = url
        for _ in range(REDIRECTS + 1):
            try:
                reply = await self._fetcher.get(where, max_bytes=MAX_BYTES, cut=True)
            except (Unreadable, TooLarge) as error:
                raise _away(url, error.message) from error
            except Unavailable as error:
                raise Unavailable(f"{error.message} Its robots.txt could not be read.") from error
            match reply.status:
                case 200:
                    return reply.content.decode("utf-8-sig", errors="replace")
                case 301 | 302 | 303 | 307 | 308:
                    target = canonical(reply.headers.get("Location", ""), where)
                    if target is None:
                        return NO_RULES
                    where = target
                case 429:
                    raise _away(url, "HTTP 429", 429)
                case status if status < 500:
                    # 2.3.1.3: there are no rules.
                    return NO_RULES
                case status:
                    raise _away(url, f"HTTP {status}", status)
        # 2.3.1.2: too many redirects count as no rules.
        return NO_RULES


def _away(url: str, said: str, status: int | None = None) -> UpstreamError:
    return UpstreamError(
        f"The rules of {site_of(url)!r} for robots cannot be read ({said.rstrip('.')}); "
        "until they can, nothing is read there.",
        provider=PROVIDER,
        status=status,
    )
