"""One request to an HTTP server that may be slow, endless or lying: bounded in bytes, time and rate."""

import asyncio
import zlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from bedplate.errors import (
    InvalidInput,
    TooLarge,
    Unavailable,
    Unreadable,
    UpstreamError,
    UpstreamTimeout,
)
from bedplate.sources.gunzip import Gunzip
from bedplate.sources.web_url import site_of
from bedplate.upstream.failures import retry_after
from bedplate.upstream.turns import in_line

PIECE = 65_536
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
REPEATED = frozenset({429, 500, 502, 503, 504})
LANES = 1_000
# What is sent as it is, although some storage keeps other names for that.
PLAIN = frozenset({"", "identity", "none", "utf-8", "aws-chunked"})

Wants = Callable[[str | None], bool]


@dataclass(frozen=True, slots=True)
class Reply:
    """`content` is that of a 200, or the beginning of an error's where the limits say so. `whole` is
    false where it was cut, or not asked for.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    content: bytes = b""
    whole: bool = True

    @property
    def media_type(self) -> str | None:
        return header(self.headers, "Content-Type")


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """`connections` and `delay` (seconds between requests) count for each host."""

    seconds: float
    connections: int
    delay: float
    retries: int
    error_bytes: int = 0


@dataclass(slots=True)
class _Lane:
    free: asyncio.Semaphore
    next: float = 0.0
    users: int = 0


@dataclass(slots=True)
class Fetcher:
    """`session` hands out bodies as they were sent."""

    session: aiohttp.ClientSession
    limits: FetchLimits
    provider: str
    _lanes: OrderedDict[str, _Lane] = field(default_factory=OrderedDict[str, _Lane])

    async def get(
        self,
        url: str,
        *,
        max_bytes: int,
        headers: Mapping[str, str] | None = None,
        delay: float = 0.0,
        cut: bool = False,
        wants: Wants = lambda _: True,
    ) -> Reply:
        """One GET without following redirects, repeated where the server fails.

        `delay` is what the host asks for. A body over `max_bytes` is TooLarge, or with `cut` is
        left off there. `wants` is told the media type and says whether the body is read.

        Raises:
            Unreadable: at an address that is not allowed, or in a coding that was not asked for.
            TooLarge, Unavailable, UpstreamError: the last also when it took too long.
        """
        attempt = 0
        while True:
            pause = min(FIRST_PAUSE * 2**attempt, LONGEST_PAUSE)
            attempt += 1
            last = attempt > self.limits.retries
            try:
                async with self._turn(url, delay), asyncio.timeout(self.limits.seconds):
                    reply = await self._once(url, max_bytes, headers or {}, wants, cut=cut)
            except (Unavailable, UpstreamError):
                if last:
                    raise
            except TimeoutError as error:
                if last:
                    seconds = self.limits.seconds
                    raise UpstreamTimeout(
                        f"{url!r} took over {seconds:g} s.", provider=self.provider
                    ) from error
            else:
                advice = retry_after(reply.headers) or 0.0
                if last or reply.status not in REPEATED or advice > LONGEST_PAUSE:
                    return reply
                pause = max(pause, advice)
            await asyncio.sleep(pause)

    @asynccontextmanager
    async def _turn(self, url: str, delay: float) -> AsyncGenerator[None]:
        """Wait until the host may be asked again."""
        site = site_of(url)
        lane = self._lanes.get(site)
        if lane is None:
            lane = self._lanes[site] = _Lane(asyncio.Semaphore(self.limits.connections))
            for old in [key for key, each in self._lanes.items() if not each.users][:-LANES]:
                del self._lanes[old]
        lane.users += 1
        try:
            with in_line():
                await lane.free.acquire()
            try:
                now = asyncio.get_running_loop().time()
                start = max(now, lane.next)
                lane.next = start + max(delay, self.limits.delay)
                with in_line():
                    await asyncio.sleep(start - now)
                yield
            finally:
                lane.free.release()
        finally:
            lane.users -= 1

    async def _once(
        self, url: str, max_bytes: int, headers: Mapping[str, str], wants: Wants, *, cut: bool
    ) -> Reply:
        try:
            # Its spelling is final: encoding it again would ask for another page.
            asked = self.session.get(URL(url, encoded=True), headers=headers, allow_redirects=False)
            async with asked as response:
                if response.status != 200:
                    most = self.limits.error_bytes
                    said, _ = await self._body(response, url, most, cut=True) if most else (b"", 0)
                    return Reply(url, response.status, response.headers, said, whole=False)
                if not wants(header(response.headers, "Content-Type")):
                    # Closed, as what is not read would otherwise come all the same.
                    response.close()
                    return Reply(url, 200, response.headers, whole=False)
                content, whole = await self._body(response, url, max_bytes, cut=cut)
                return Reply(url, 200, response.headers, content, whole)
        except InvalidInput as error:
            if isinstance(error, Unreadable | TooLarge):
                raise
            raise Unreadable(error.message, reason="forbidden_address") from error
        except aiohttp.ClientConnectorError as error:
            said = error.strerror or type(error).__name__
            raise Unavailable(f"{site_of(url)!r} cannot be reached: {said}.") from error
        except (aiohttp.ServerTimeoutError, aiohttp.ConnectionTimeoutError) as error:
            raise UpstreamTimeout(
                f"{url!r}: the server went silent.", provider=self.provider
            ) from error
        except aiohttp.ClientError as error:
            raise UpstreamError(
                f"{url!r}: the connection broke ({type(error).__name__}).", provider=self.provider
            ) from error

    async def _body(
        self, response: aiohttp.ClientResponse, url: str, most: int, *, cut: bool
    ) -> tuple[bytes, bool]:
        """The body, and whether it is whole."""
        coding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if coding not in {"gzip", "x-gzip", *PLAIN}:
            raise Unreadable(
                f"{url!r} came in the coding {coding[:40]!r}, which was not asked for.",
                reason="encoding",
            )
        gunzip = Gunzip() if "gzip" in coding else None
        content = bytearray()
        received = 0
        try:
            async for piece in response.content.iter_chunked(PIECE):
                received += len(piece)
                content += gunzip.feed(piece, most + 1 - len(content)) if gunzip else piece
                # Both: there is gzip that expands to nothing, for ever.
                if max(received, len(content)) > most:
                    response.close()
                    if cut:
                        return bytes(content[:most]), False
                    raise TooLarge(f"{url!r} has more than {most:,} bytes.")
        except zlib.error as error:
            raise UpstreamError(f"{url!r}: its gzip is broken.", provider=self.provider) from error
        if gunzip is not None and not gunzip.complete:
            raise UpstreamError(f"{url!r}: its gzip ends too early.", provider=self.provider)
        return bytes(content), True


def header(headers: Mapping[str, str], name: str) -> str | None:
    """A header's value where it is fit to be kept and sent back."""
    value = headers.get(name, "").strip()
    return (
        value if value and len(value) <= 500 and value.isascii() and value.isprintable() else None
    )
