"""One HTTP call of a tool: to an address that may be, read up to a bound, told as a model reads it."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

import aiohttp
from pydantic import BaseModel, ConfigDict, Field
from yarl import URL

from bedplate.errors import InvalidInput
from bedplate.tools.protocol import Effect, ToolContext, ToolResult
from bedplate.upstream.addresses import AddressRules, guarded_session
from bedplate.upstream.options import Headers

CONNECT_SECONDS = 10.0
PIECE = 65_536
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
GONE = frozenset({404, 410})
TEXTS = ("json", "xml", "yaml", "x-www-form-urlencoded", "javascript", "ndjson")
IDEMPOTENCY = "Idempotency-Key"
"""As of draft-ietf-httpapi-idempotency-key-header."""

EFFECTS: Mapping[str, Effect] = {
    "GET": "none",
    "HEAD": "none",
    "OPTIONS": "none",
    "PUT": "idempotent",
    "DELETE": "idempotent",
}
"""Of methods by RFC 9110, 9.2; that of all others must not happen twice."""


def effect_of(method: str) -> Effect:
    return EFFECTS.get(method, "once")


class WebSettings(BaseModel):
    """How servers are reached."""

    model_config = ConfigDict(extra="forbid")

    headers: Headers = Field(default_factory=dict)
    """Sent with each request; values are secrets."""
    allow_hosts: tuple[str, ...] = ()
    """Names or networks at private addresses that may be reached."""
    allow_private: bool = False
    max_bytes: int = Field(default=1_000_000, gt=0, le=50_000_000)
    """Of an answer; the rest is not read."""
    connections: int = Field(default=16, gt=0, le=1_000)


@dataclass(frozen=True, slots=True)
class Request:
    """`hint` tells the model what the call takes, where the server refuses it."""

    method: str
    url: URL
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes | None = None
    hint: str = ""


class Web:
    """Follows no redirect: where it leads to was not asked for, and nobody allowed it."""

    def __init__(self, session: aiohttp.ClientSession, options: WebSettings) -> None:
        self._session = session
        self._options = options

    async def call(self, request: Request, effect: Effect, context: ToolContext) -> ToolResult:
        """What the server answers, or why it does not; nothing is raised for either."""
        headers = dict(request.headers)
        if effect != "none" and context.key:
            headers[IDEMPOTENCY] = context.key
        try:
            async with self._session.request(
                request.method,
                request.url,
                headers=headers,
                data=request.body,
                allow_redirects=False,
            ) as response:
                return await self._answer(request, response, effect)
        except InvalidInput as error:
            return ToolResult(f"{_named(request)} is not called: {error.message}", failed=True)
        except (
            aiohttp.ClientConnectorError,
            aiohttp.ConnectionTimeoutError,
            UnicodeError,
        ) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            return ToolResult(
                f"{_named(request)}: the server cannot be reached ({why}); nothing was done.",
                failed=True,
                retryable=True,
            )
        except aiohttp.ClientError as error:
            return ToolResult(
                f"{_named(request)}: the connection broke ({type(error).__name__}).",
                failed=True,
                retryable=effect != "once",
                unknown=True,
            )

    async def read(self, url: URL, most: int) -> bytes:
        """A document whole; InvalidInput where it is larger, elsewhere, or not there."""
        try:
            async with self._session.get(url, allow_redirects=False) as response:
                if response.status != HTTPStatus.OK:
                    raise InvalidInput(f"{str(url)!r} answers HTTP {response.status}.")
                content, whole = await _read(response, most)
        except aiohttp.ClientError as error:
            raise InvalidInput(f"{str(url)!r} cannot be read: {type(error).__name__}.") from error
        if not whole:
            raise InvalidInput(f"{str(url)!r} has more than {most:,} bytes.")
        return content

    async def _answer(
        self, request: Request, response: aiohttp.ClientResponse, effect: Effect
    ) -> ToolResult:
        status = response.status
        text, whole = await self._text(response)
        if status < 300:
            return ToolResult(text or f"Done (HTTP {status}, no content).", truncated=not whole)
        told = [
            f"{_named(request)} answered HTTP {status} {_phrase(status)}{': ' if text else '.'}{text}"
        ]
        if status < 400:
            where = response.headers.get("Location", "nowhere")
            told = [
                f"{_named(request)} redirects (HTTP {status}) to {where}, which is not followed."
            ]
        elif status in (401, 403):
            told.append("The server's own credentials were refused; other arguments will not help.")
        elif status < 500 and status not in (408, 429) and request.hint:
            told.append(f"It takes:\n{request.hint}")
        return ToolResult(
            "\n".join(told),
            failed=True,
            retryable=status in AGAIN and (effect != "once" or status == 429),
            unknown=status >= 500 or status == 408,
            missing=status in GONE,
            truncated=not whole,
        )

    async def _text(self, response: aiohttp.ClientResponse) -> tuple[str, bool]:
        """What is text of the body, and whether that is all of it."""
        kind = response.content_type.lower()
        coding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if coding not in ("", "identity"):
            response.close()
            return f"(an answer in the coding {coding[:40]!r}, which was not asked for)", False
        if not (kind.startswith("text/") or any(word in kind for word in TEXTS)):
            beginning, whole = await _read(response, 1)
            if not beginning:
                return "", True
            response.close()
            size = response.content_length
            bytes_ = "" if size is None else f" of {size:,} bytes"
            return f"(a {kind or 'nameless'} file{bytes_}, not shown)", whole
        content, whole = await _read(response, self._options.max_bytes)
        try:
            return content.decode(response.charset or "utf-8", "replace"), whole
        except LookupError:
            return content.decode("utf-8", "replace"), whole


@asynccontextmanager
async def open_web(options: WebSettings) -> AsyncGenerator[Web]:
    headers = {name: secret.get_secret_value() for name, secret in options.headers.items()}
    session = guarded_session(
        AddressRules(options.allow_private, options.allow_hosts),
        # The time of a call is its caller's to bound.
        timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS),
        headers={"Accept-Encoding": "identity", "User-Agent": "bedplate", **headers},
        connections=options.connections,
    )
    async with session:
        yield Web(session, options)


async def _read(response: aiohttp.ClientResponse, most: int) -> tuple[bytes, bool]:
    content = bytearray()
    async for piece in response.content.iter_chunked(PIECE):
        content += piece
        if len(content) > most:
            response.close()
            return bytes(content[:most]), False
    return bytes(content), True


def _named(request: Request) -> str:
    return f"{request.method} {request.url.path}"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
