"""Requests to one server over connections that are kept for the next.

HTTP/1.1 over TCP or TLS. No redirect is followed, no cookie kept, no proxy used, nothing repeated.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import quote, urlsplit

import aiohappyeyeballs

from bedplate import __version__
from bedplate.upstream.http_connection import Answer, Connection
from bedplate.upstream.http_errors import ConnectFailed, ConnectTimeout, NotSecure, UnknownHost

NEXT_ADDRESS_SECONDS = 0.25
"""Before the next address of a host is tried beside one that has not answered (RFC 8305, 8)."""

_IN_TARGET = "/%:@!$&'()*+,;=?~-._"


class HttpClient:
    """Posts to one URL. As many connections as requests at once: who calls bounds those."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        connect_seconds: float,
        idle_seconds: float,
        tls: ssl.SSLContext | None,
    ) -> None:
        """A connection that has been idle for `idle_seconds` is closed, and so none is kept for 0.
        `tls` is there where the URL is of https.
        """
        parts = urlsplit(url)
        self._host = (parts.hostname or "").encode("idna").decode()
        self._port = parts.port or (80 if tls is None else 443)
        self._tls = tls
        self._connect_seconds = connect_seconds
        self._idle_seconds = idle_seconds
        self._head = _head(url, self._host, headers, keep=idle_seconds > 0)
        self._loop = asyncio.get_running_loop()
        self._open: set[Connection] = set()
        # In the order in which they fell idle, with the time of it.
        self._idle: dict[Connection, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def post(self, body: bytes) -> Answer:
        """The answer once its head is there; it must be closed.

        Raises:
            HttpError: no connection, or none any more. A kept connection may have been dropped by
                its server: nothing tells that from a server that failed.
        """
        connection = self._kept() or await self._connect()
        answer = connection.ask(self._head % len(body) + body)
        try:
            await answer.head()
        except BaseException:
            answer.close()
            raise
        return answer

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for connection in list(self._open):
            connection.drop()

    def _kept(self) -> Connection | None:
        """The one that was used last."""
        if not self._idle:
            return None
        connection, since = self._idle.popitem()
        if self._loop.time() - since < self._idle_seconds:
            return connection
        # The others have been idle for longer.
        self._idle[connection] = since
        self._close_idle()
        return None

    async def _connect(self) -> Connection:
        try:
            async with asyncio.timeout(self._connect_seconds):
                return await self._connected()
        except TimeoutError as error:
            raise ConnectTimeout from error
        except socket.gaierror as error:
            raise UnknownHost(self._host) from error
        except ssl.SSLError as error:
            raise NotSecure from error
        except OSError as error:
            raise (ConnectFailed if self._tls is None else _of_tls(error)) from error

    async def _connected(self) -> Connection:
        found = await self._loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        made = await aiohappyeyeballs.start_connection(
            found, happy_eyeballs_delay=NEXT_ADDRESS_SECONDS
        )
        try:
            _, connection = await self._loop.create_connection(
                lambda: Connection(self._loop, self._free, self._closed),
                sock=made,
                ssl=self._tls,
                server_hostname=None if self._tls is None else self._host,
            )
        except BaseException:
            made.close()
            raise
        self._open.add(connection)
        return connection

    def _free(self, connection: Connection) -> None:
        if not self._idle_seconds:
            connection.drop()
            return
        self._idle[connection] = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(self._idle_seconds, self._close_idle)

    def _closed(self, connection: Connection) -> None:
        self._open.discard(connection)
        self._idle.pop(connection, None)

    def _close_idle(self) -> None:
        self._timer = None
        now = self._loop.time()
        for connection, since in list(self._idle.items()):
            if now - since < self._idle_seconds:
                left = since + self._idle_seconds - now
                self._timer = self._loop.call_later(left, self._close_idle)
                return
            del self._idle[connection]
            connection.drop()


@asynccontextmanager
async def open_client(
    url: str,
    headers: Mapping[str, str],
    *,
    connect_seconds: float,
    idle_seconds: float,
) -> AsyncGenerator[HttpClient]:
    """See HttpClient. All connections are closed at the end."""
    tls = None
    if urlsplit(url).scheme == "https":
        # It reads the system's certificates from disk.
        tls = await asyncio.to_thread(ssl.create_default_context)
        tls.set_alpn_protocols(["http/1.1"])
    client = HttpClient(
        url, headers, connect_seconds=connect_seconds, idle_seconds=idle_seconds, tls=tls
    )
    try:
        yield client
    finally:
        client.close()


def _head(url: str, host: str, headers: Mapping[str, str], *, keep: bool) -> bytes:
    """Everything in front of a body, with a place for its length."""
    parts = urlsplit(url)
    target = quote(parts.path or "/", safe=_IN_TARGET)
    if parts.query:
        target += f"?{quote(parts.query, safe=_IN_TARGET)}"
    named = f"[{host}]" if ":" in host else host
    if parts.port is not None:
        named += f":{parts.port}"
    sent = {"Host": named, "Accept": "*/*", "User-Agent": f"bedplate/{__version__}"}
    for name, value in headers.items():
        # Whoever sets one of these by another spelling means the same.
        same = next((each for each in sent if each.lower() == name.lower()), name)
        sent[same] = value
    if not keep:
        sent["Connection"] = "close"
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    return "\r\n".join(lines).replace("%", "%%").encode("ascii") + b"\r\nContent-Length: %d\r\n\r\n"


def _of_tls(error: OSError) -> type[ConnectFailed | NotSecure]:
    """A server that closes in the middle of the handshake speaks no TLS."""
    return NotSecure if isinstance(error, ConnectionResetError) else ConnectFailed
