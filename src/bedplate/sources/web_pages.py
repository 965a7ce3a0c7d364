"""Pages: redirects followed hop by hop, what robots may read, and whether the content is new."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr
from yarl import URL

from bedplate.errors import (
    NotFound,
    Unreadable,
    UpstreamError,
    UpstreamRateLimited,
)
from bedplate.sources.fetch import Fetcher, Reply, Wants, header
from bedplate.sources.web_robots import Robots
from bedplate.sources.web_url import PROVIDER, canonical, site_of
from bedplate.upstream.failures import retry_after

REDIRECTS = 5


@dataclass(frozen=True, slots=True)
class Pages:
    """`headers` go to `sites` alone, and never to where one of them redirects; where all were named
    by https, `secure`, they go nowhere without it.
    """

    fetcher: Fetcher
    robots: Robots | None
    headers: Mapping[str, SecretStr]
    sites: frozenset[str]
    secure: bool

    async def get(
        self,
        url: str,
        *,
        max_bytes: int,
        known: str | None = None,
        cut: bool = False,
        wants: Wants = lambda _: True,
    ) -> Reply | None:
        """A page, wherever its redirects lead to; None where it is still the `known` version.

        Raises:
            NotFound: 404 or 410.
            Unreadable: "robots", "forbidden" (401, 403), "redirect", "http_status", and those of
                Fetcher.get, as all else.
        """
        where, asked = url, _conditions(known)
        for _ in range(REDIRECTS + 1):
            delay = await self.robots.check(where) if self.robots else 0.0
            reply = await self.fetcher.get(
                where,
                max_bytes=max_bytes,
                headers=self._own(where) | asked,
                delay=delay,
                cut=cut,
                wants=wants,
            )
            if reply.status == 304 and asked:
                return None
            if reply.status not in {301, 302, 303, 307, 308}:
                _check(url, reply)
                return None if known and _fingerprint(known) == fingerprint(reply) else reply
            where = _next(url, where, reply)
        raise Unreadable(f"{url!r} redirects more than {REDIRECTS} times.", reason="redirect")

    def _own(self, url: str) -> dict[str, str]:
        if site_of(url) not in self.sites or (self.secure and not url.startswith("https:")):
            return {}
        return {name: value.get_secret_value() for name, value in self.headers.items()}


def version(reply: Reply) -> str:
    """What a later request is made conditional by: a hash, and the server's own mark if it has one."""
    etag = header(reply.headers, "ETag")
    changed = header(reply.headers, "Last-Modified")
    mark = f" etag {etag}" if etag else f" date {changed}" if changed else ""
    return f"{fingerprint(reply)}{mark}"


def fingerprint(reply: Reply) -> str:
    return hashlib.sha256(reply.content).hexdigest()


def _fingerprint(known: str) -> str:
    return known.partition(" ")[0]


def _conditions(known: str | None) -> dict[str, str]:
    match (known or "").split(" ", 2):
        case [_, "etag", mark]:
            return {"If-None-Match": mark}
        case [_, "date", mark]:
            return {"If-Modified-Since": mark}
        case _:
            return {}


def _next(url: str, where: str, reply: Reply) -> str:
    target = canonical(reply.headers.get("Location", ""), where)
    if target is None:
        raise Unreadable(f"{url!r} redirects to no web page.", reason="redirect")
    if URL(where).scheme == "https" and URL(target).scheme == "http":
        raise Unreadable(
            f"{url!r} redirects from https to http, to {site_of(target)!r}.", reason="redirect"
        )
    return target


def _check(url: str, reply: Reply) -> None:
    """Raises for any status but 200."""
    match reply.status:
        case 200:
            return
        case 404 | 410:
            raise NotFound(f"{url!r} is gone (HTTP {reply.status}).")
        case 401 | 403 | 407:
            raise Unreadable(
                f"{url!r} is not open to this reader (HTTP {reply.status}).", reason="forbidden"
            )
        case 429:
            raise UpstreamRateLimited(
                f"{site_of(url)!r} wants fewer requests (HTTP 429); set a longer delay.",
                provider=PROVIDER,
                retry_after=retry_after(reply.headers),
            )
        case status if status >= 500 or status in {408, 425}:
            raise UpstreamError(
                f"{url!r} was answered with HTTP {status}.", provider=PROVIDER, status=status
            )
        case status:
            raise Unreadable(f"{url!r} was answered with HTTP {status}.", reason="http_status")
