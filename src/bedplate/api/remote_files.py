"""Files that a request names by a URL: fetched from public addresses alone, bounded in bytes and time."""

import asyncio
import math
from pathlib import PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit

import aiohttp

from bedplate.config import Config
from bedplate.errors import InvalidInput, Unavailable, Unreadable, UpstreamError
from bedplate.responses.files import Fetch, Kept
from bedplate.sources.fetch import Fetcher, FetchLimits, Reply, header
from bedplate.upstream.addresses import AddressRules, guarded_session

LIMITS = FetchLimits(seconds=30.0, connections=4, delay=0.0, retries=1)
SECONDS = 60.0
"""For all files of a request together."""
SILENT_SECONDS = 10.0
MOST_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
HEADERS = {"User-Agent": "bedplate", "Accept-Encoding": "gzip, identity"}
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=SILENT_SECONDS, sock_read=SILENT_SECONDS)


def remote_files(config: Config, *, seconds: float = SECONDS) -> Fetch:
    """What fetches those of one request, which together have no more bytes than a body may have, and
    come in no more than SECONDS: InvalidInput where one is not allowed or not there in time, TooLarge.
    """
    settings = config.responses
    rules = AddressRules(allow_hosts=settings.file_hosts, settings="responses.file_hosts")
    left, until = config.server.max_body_bytes, math.inf

    async def fetch(url: str) -> Kept:
        nonlocal left, until
        if not settings.file_urls:
            raise _wrong("is not fetched by this server (responses.file_urls); send file_data")
        until = min(until, asyncio.get_running_loop().time() + seconds)
        session = guarded_session(rules, timeout=TIMEOUT, headers=HEADERS, connections=4)
        async with session:
            fetcher = Fetcher(session, LIMITS, "file_url")
            try:
                async with asyncio.timeout_at(until):
                    reply = await _followed(fetcher, url, left)
            except TimeoutError as error:
                what = f"the files of the request were not there within {seconds:g} s"
                raise _wrong(what) from error
            except (Unavailable, UpstreamError) as error:
                raise _wrong(error.message) from error
            except Unreadable as error:
                # Which private address a name has is nobody's business.
                what = "is not at a public address" if _forbidden(error) else error.message
                raise _wrong(f"{url[:200]!r} {what}" if _forbidden(error) else what) from error
        left -= len(reply.content)
        return Kept(_name(reply.url), reply.content, reply.media_type)

    return fetch


async def _followed(fetcher: Fetcher, url: str, most: int) -> Reply:
    for _ in range(MOST_REDIRECTS + 1):
        try:
            reply = await fetcher.get(url, max_bytes=most)
        except ValueError as error:
            raise _wrong(f"{url[:200]!r} is no URL") from error
        where = header(reply.headers, "Location")
        if reply.status == 200:
            return reply
        if reply.status not in REDIRECTS or where is None:
            raise _wrong(f"{url[:200]!r} answered HTTP {reply.status}")
        url = urljoin(url, where)
    raise _wrong(f"it leads on more than {MOST_REDIRECTS} times")


def _forbidden(error: Unreadable) -> bool:
    return error.reason == "forbidden_address"


def _name(url: str) -> str:
    return unquote(PurePosixPath(urlsplit(url).path).name)[:200] or "file"


def _wrong(what: str) -> InvalidInput:
    return InvalidInput(f"file_url: {what.rstrip('.')}.", param="input")
