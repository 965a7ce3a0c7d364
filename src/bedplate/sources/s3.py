"""`s3`: the objects of a bucket, at AWS or at any server with S3's wire (MinIO, Ceph, R2).

Two calls of its API, ListObjectsV2 and GetObject, over the guarded HTTP client of this house. The
client libraries that were looked at fail a whole listing for one key such as "a//b", or with a
control character; here every key can be listed and read.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bedplate.domain.documents import Blob
from bedplate.errors import (
    ConfigError,
    NotFound,
    TooLarge,
    Unreadable,
    UpstreamError,
    UpstreamRateLimited,
)
from bedplate.sources.fetch import Fetcher, FetchLimits, Reply
from bedplate.sources.names import key_of, path_of
from bedplate.sources.protocol import MAX_KEY, Fetched, Gap, Item, Source
from bedplate.sources.s3_signature import Keys, path, query, signed
from bedplate.sources.s3_wire import Found, Page, error_code, read_page
from bedplate.sources.secret import Secret
from bedplate.upstream.addresses import AddressRules, guarded_session
from bedplate.upstream.failures import retry_after
from bedplate.upstream.options import BaseUrl

PROVIDER = "s3"
PAGE_BYTES = 33_554_432
"""Of one page of a listing: a thousand keys of 1,024 bytes, three characters a byte, and the rest."""

EMPTY_PAGES = 1_000
"""Pages in a row that list nothing: some servers filter after they cut."""

ERROR_BYTES = 4_096
WRONG_KEYS = frozenset(
    ["ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "RequestTimeTooSkewed",
     "SignatureDoesNotMatch", "AuthorizationHeaderMalformed"]
)  # fmt: skip
BUSY = frozenset({"SlowDown", "RequestLimitExceeded", "TooManyRequests", "Throttling"})


class S3Options(BaseModel):
    """Without keys, requests are not signed: that is how public buckets are read."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    bucket: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$")
    prefix: str = Field(default="", max_length=1024)
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    region: str = Field(default="us-east-1", pattern=r"^[a-z0-9-]{1,40}$")
    endpoint: BaseUrl | None = None
    path_style: bool | None = None
    allow_http: bool = False
    access_key_id: str | None = Field(default=None, pattern=r"^[!-~]{1,256}$")
    secret_access_key: Secret | None = None
    session_token: Secret | None = None
    connections: int = Field(default=8, ge=1, le=64)
    connect_seconds: float = Field(default=10.0, gt=0, le=600)
    idle_seconds: float = Field(default=20.0, gt=0, le=600)
    seconds: float = Field(default=120.0, gt=0, le=3600)
    retries: int = Field(default=3, ge=0, le=10)

    @model_validator(mode="after")
    def _fits(self) -> "S3Options":
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key are given together")
        if urlsplit(self.endpoint or "https:").scheme != "https" and not self.allow_http:
            raise ValueError("the endpoint is not https; allow_http would allow that")
        return self

    @property
    def keys(self) -> Keys | None:
        if self.access_key_id is None or self.secret_access_key is None:
            return None
        return Keys(self.access_key_id, self.secret_access_key, self.session_token)

    @property
    def url(self) -> str:
        """Of the bucket, without "/" at its end."""
        base = urlsplit(self.endpoint or f"https://s3.{self.region}.amazonaws.com")
        below = base.path.rstrip("/")
        # A certificate for "*.s3..." holds no bucket with a dot.
        by_path = self.endpoint is not None or "." in self.bucket
        if by_path if self.path_style is None else self.path_style:
            return f"{base.scheme}://{base.netloc}{below}/{self.bucket}"
        return f"{base.scheme}://{self.bucket}.{base.netloc}{below}"


@dataclass(frozen=True, slots=True)
class S3Source:
    options: S3Options
    name: str
    fetcher: Fetcher

    @property
    def incremental(self) -> bool:
        """See Source."""
        return False

    async def list(self, since: str | None) -> AsyncIterator[Item | Gap]:
        """See Source."""
        met: set[str] = set()
        token: str | None = None
        empty = 0
        while True:
            page = await self._page(token)
            for found in page.objects:
                each = self._item(found)
                if each is not None:
                    yield each
            if page.token is None:
                return
            empty = 0 if page.objects else empty + 1
            token = page.token
            # One mark for each thousand objects: small, and a listing that goes in circles ends.
            first = f"object {page.objects[0].key!r}" if page.objects else ""
            if empty == EMPTY_PAGES or token in met or first in met:
                raise self._failed("its listing goes in circles")
            met |= {token, first} - {""}

    async def read(self, item: Item, *, known: str | None, max_bytes: int) -> Fetched | None:
        """See Source."""
        shown = f"{self.name}/{item.key}"
        if item.size is not None and item.size > max_bytes:
            raise TooLarge(f"{shown!r} has more than {max_bytes:,} bytes.")
        key = path_of(item.key)
        # With its bytes as they are listed, whatever they stand for.
        where = path(os.fsencode(self.options.prefix + key))
        reply = await self._get(f"{self.options.url}/{where}", max_bytes)
        if reply.status == 200:
            return Fetched(Blob(reply.content, shown, reply.media_type))
        code = error_code(reply.content)
        if reply.status == 404 and code != "NoSuchBucket":
            raise NotFound(f"{shown!r} is gone.")
        if reply.status == 403 and code not in WRONG_KEYS:
            archived = code == "InvalidObjectState"
            raise Unreadable(
                f"{shown!r} may not be read ({code or 'HTTP 403'}).",
                reason="archived" if archived else "forbidden",
            )
        raise self._refused(reply, code)

    async def _page(self, token: str | None) -> Page:
        asked = {"list-type": "2", "max-keys": "1000", "encoding-type": "url"}
        if self.options.prefix:
            asked["prefix"] = self.options.prefix
        if token is not None:
            asked["continuation-token"] = token
        # The slash: S3 signs a path, and an empty one is "/".
        try:
            reply = await self._get(f"{self.options.url}/?{query(asked)}", PAGE_BYTES)
        except TooLarge as error:
            raise self._failed("a page of its listing is far too large") from error
        except Unreadable as error:
            raise ConfigError(self._said(error.message.rstrip("."))) from error
        if reply.status != 200:
            raise self._refused(reply, error_code(reply.content))
        try:
            return await asyncio.to_thread(read_page, reply.content)
        except ValueError as error:
            raise self._failed(f"its listing cannot be read: {error}") from error

    async def _get(self, url: str, max_bytes: int) -> Reply:
        keys = self.options.keys
        headers = signed(url, keys, self.options.region, datetime.now(UTC)) if keys else {}
        return await self.fetcher.get(url, max_bytes=max_bytes, headers=headers)

    def _item(self, found: Found) -> Item | Gap | None:
        name = os.fsdecode(found.key).removeprefix(self.options.prefix)
        # A folder that a console made, or the prefix itself.
        if not name or (name.endswith("/") and found.size == 0):
            return None
        if any(fnmatchcase(name, pattern) for pattern in self.options.exclude):
            return None
        include = self.options.include
        if include and not any(fnmatchcase(name, pattern) for pattern in include):
            return None
        key = key_of(name)
        if len(key) > MAX_KEY:
            return Gap(key[:MAX_KEY], "bad_name", "Its name is too long for a key.")
        return Item(key, found.version, found.size)

    def _refused(self, reply: Reply, code: str) -> Exception:
        said = f"HTTP {reply.status}{f', {code}' if code else ''}"
        if reply.status == 429 or code in BUSY:
            return UpstreamRateLimited(
                self._said(f"it wants fewer requests ({said})"),
                provider=PROVIDER,
                retry_after=retry_after(reply.headers),
            )
        if reply.status >= 500 or reply.status == 408:
            return UpstreamError(
                self._said(f"the server failed ({said})"), provider=PROVIDER, status=reply.status
            )
        region = reply.headers.get("x-amz-bucket-region", "")
        hint = f"; it is in the region {region!r}" if region.replace("-", "").isalnum() else ""
        return ConfigError(
            self._said(f"the server refused ({said}){hint}; check bucket, region, keys and rights")
        )

    def _failed(self, what: str) -> UpstreamError:
        return UpstreamError(self._said(what), provider=PROVIDER)

    def _said(self, what: str) -> str:
        return f"Source {self.name!r}, bucket {self.options.bucket!r}: {what}."


@asynccontextmanager
async def open_s3(options: Mapping[str, Any], *, name: str) -> AsyncGenerator[Source]:
    """See S3Options. Keys are those of the bucket, without the prefix."""
    chosen = S3Options.model_validate(dict(options))
    named = urlsplit(chosen.url).hostname or ""
    session = guarded_session(
        # An endpoint inside was named by whoever set it up; a cloud's metadata it cannot be.
        AddressRules(allow_hosts=(named,) if chosen.endpoint else ()),
        timeout=aiohttp.ClientTimeout(
            total=None, sock_connect=chosen.connect_seconds, sock_read=chosen.idle_seconds
        ),
        headers={"User-Agent": "Bedplate", "Accept-Encoding": "identity"},
        connections=chosen.connections,
    )
    async with session:
        limits = FetchLimits(
            chosen.seconds, chosen.connections, 0.0, chosen.retries, error_bytes=ERROR_BYTES
        )
        yield S3Source(chosen, name, Fetcher(session, limits, PROVIDER))
