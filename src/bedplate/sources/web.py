"""`web`: pages of a list, of sitemaps, or found by following links within a site.

It asks robots.txt, says who it is, and goes slowly. What changed is told by conditional requests
(RFC 9110 13), so that a page that did not change is not sent again.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Annotated, Any

import aiohttp
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bedplate.domain.documents import Blob
from bedplate.sources.fetch import Fetcher, FetchLimits
from bedplate.sources.protocol import Fetched, Gap, Item, Source
from bedplate.sources.secret import Secret
from bedplate.sources.web_crawl import Crawl
from bedplate.sources.web_pages import Pages, version
from bedplate.sources.web_robots import Robots
from bedplate.sources.web_sitemaps import Sitemaps
from bedplate.sources.web_url import PROVIDER, canonical, site_of
from bedplate.sources.web_wanted import Wanted
from bedplate.upstream.addresses import AddressRules, guarded_session

AGENT = "Bedplate"


def _check_url(value: str) -> str:
    found = canonical(value)
    if found is None:
        raise ValueError("must be an http or https URL without credentials")
    return found


def _check_header(value: Mapping[str, Secret]) -> Mapping[str, Secret]:
    for name, secret in value.items():
        text = name + secret.get_secret_value()
        if not name or not (text.isascii() and text.isprintable()):
            raise ValueError(f"header {name!r} holds characters that HTTP cannot send")
    return value


PageUrl = Annotated[str, AfterValidator(_check_url)]


class WebOptions(BaseModel):
    """At least one of `urls`, `sitemaps` and `crawl`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    urls: tuple[PageUrl, ...] = ()
    sitemaps: tuple[PageUrl, ...] = ()
    crawl: tuple[PageUrl, ...] = ()
    depth: int = Field(default=3, ge=0, le=100)
    max_pages: int = Field(default=10_000, gt=0, le=10_000_000)
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    trust_lastmod: bool = False
    headers: Annotated[Mapping[str, Secret], AfterValidator(_check_header)] = Field(
        default_factory=dict[str, Secret]
    )
    contact: str = Field(default="", max_length=200, pattern=r"^[ -~]*$")
    robots: bool = True
    delay: float = Field(default=0.2, ge=0, le=3600)
    longest_delay: float = Field(default=60.0, ge=0, le=3600)
    connections: int = Field(default=2, ge=1, le=64)
    connect_seconds: float = Field(default=10.0, gt=0, le=600)
    idle_seconds: float = Field(default=20.0, gt=0, le=600)
    seconds: float = Field(default=60.0, gt=0, le=3600)
    retries: int = Field(default=2, ge=0, le=10)
    allow_hosts: tuple[str, ...] = ()
    allow_private: bool = False

    @model_validator(mode="after")
    def _names_something(self) -> "WebOptions":
        if not (self.urls or self.sitemaps or self.crawl):
            raise ValueError("one of urls, sitemaps and crawl is needed")
        return self

    @property
    def secure(self) -> bool:
        """Whether everything was named by https."""
        named = [*self.urls, *self.sitemaps, *self.crawl]
        return all(url.startswith("https:") for url in named)

    @property
    def sites(self) -> frozenset[str]:
        """The hosts that pages are listed of."""
        given = (site_of(url) for url in (*self.urls, *self.sitemaps, *self.crawl))
        return frozenset([*given, *(host.lower() for host in self.hosts)])


class WebSource:
    incremental = False

    def __init__(self, options: WebOptions, pages: Pages) -> None:
        self._options = options
        self._pages = pages

    async def list(self, since: str | None) -> AsyncIterator[Item | Gap]:
        """See Source."""
        options = self._options
        wanted = Wanted(options.include, options.exclude, options.sites, options.max_pages)
        for url in options.urls:
            if wanted.takes(url):
                yield Item(url)
        sitemaps = Sitemaps(self._pages, wanted, options.trust_lastmod)
        crawl = Crawl(self._pages, wanted, options.depth)
        for part in (sitemaps.list(options.sitemaps), crawl.list(options.crawl)):
            async with aclosing(part) as found:
                async for each in found:
                    yield each

    async def read(self, item: Item, *, known: str | None, max_bytes: int) -> Fetched | None:
        """See Source."""
        # A version that the listing gave is no mark that the server would know.
        known = known if item.version is None else None
        reply = await self._pages.get(item.key, max_bytes=max_bytes, known=known)
        if reply is None:
            return None
        return Fetched(Blob(reply.content, item.key, reply.media_type), version=version(reply))


@asynccontextmanager
async def open_web(options: Mapping[str, Any], *, name: str) -> AsyncGenerator[Source]:
    """See WebOptions; keys are URLs, and so are the names that readers are shown."""
    chosen = WebOptions.model_validate(dict(options))
    agent = f"{AGENT} ({chosen.contact})" if chosen.contact else AGENT
    session = guarded_session(
        AddressRules(chosen.allow_private, chosen.allow_hosts),
        timeout=aiohttp.ClientTimeout(
            total=None, sock_connect=chosen.connect_seconds, sock_read=chosen.idle_seconds
        ),
        headers={"User-Agent": agent, "Accept-Encoding": "gzip, identity"},
        connections=max(16, chosen.connections),
    )
    async with session:
        limits = FetchLimits(chosen.seconds, chosen.connections, chosen.delay, chosen.retries)
        fetcher = Fetcher(session, limits, PROVIDER)
        robots = Robots(fetcher, AGENT, chosen.longest_delay) if chosen.robots else None
        yield WebSource(chosen, Pages(fetcher, robots, chosen.headers, chosen.sites, chosen.secure))
