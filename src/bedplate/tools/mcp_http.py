"""HTTP for the MCP client: to addresses that may be, and bounded in what it reads.

The client speaks httpx2; what is sent goes out by the guarded session that all other kinds use.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import httpx2
from yarl import URL

from bedplate.errors import InvalidInput
from bedplate.tools.web import CONNECT_SECONDS, PIECE, WebSettings
from bedplate.upstream.addresses import AddressRules, guarded_session


class _Body(httpx2.AsyncByteStream):
    """Of a stream of events each event has its bound in the client; all else has one here."""

    def __init__(self, response: aiohttp.ClientResponse, most: int | None) -> None:
        self._response = response
        self._most = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        received = 0
        try:
            async for piece in self._response.content.iter_chunked(PIECE):
                received += len(piece)
                if self._most is not None and received > self._most:
                    raise httpx2.ReadError(f"the answer has more than {self._most:,} bytes")
                yield piece
        except aiohttp.ClientError as error:
            raise httpx2.ReadError(f"the connection broke ({type(error).__name__})") from error

    async def aclose(self) -> None:
        self._response.close()


class GuardedTransport(httpx2.AsyncBaseTransport):
    def __init__(self, session: aiohttp.ClientSession, most: int) -> None:
        self._session = session
        self._most = most

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            response = await self._session.request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=[(name.decode(), value.decode()) for name, value in request.headers.raw],
                data=await request.aread() or None,
                allow_redirects=False,
            )
        except InvalidInput as error:
            raise httpx2.ConnectError(error.message) from error
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise httpx2.ConnectError(str(error)) from error
        except aiohttp.ClientError as error:
            raise httpx2.ReadError(f"the connection broke ({type(error).__name__})") from error
        streams = response.content_type == "text/event-stream"
        return httpx2.Response(
            response.status,
            headers=list(response.raw_headers),
            stream=_Body(response, None if streams else self._most),
        )


@asynccontextmanager
async def open_http_client(settings: WebSettings) -> AsyncGenerator[httpx2.AsyncClient]:
    rules = AddressRules(settings.allow_private, settings.allow_hosts)
    headers = {name: secret.get_secret_value() for name, secret in settings.headers.items()}
    async with (
        guarded_session(
            rules,
            # A stream of events may be silent for long: the time of a call is its caller's to bound.
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS),
            headers={"User-Agent": "bedplate"},
            connections=settings.connections,
        ) as session,
        httpx2.AsyncClient(
            transport=GuardedTransport(session, settings.max_bytes),
            headers={"Accept-Encoding": "identity", **headers},
            timeout=None,
            trust_env=False,
        ) as client,
    ):
        yield client
