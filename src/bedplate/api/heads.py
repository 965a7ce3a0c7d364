"""Request heads within bounds of size and time, which uvicorn's parser does not set."""

import asyncio
import re
from http import HTTPStatus
from typing import cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bedplate.api.errors import REQUEST, SERVER
from bedplate.api.joined import Joined
from bedplate.api.wire import ErrorBody, ErrorEnvelope, encode

MOST_BYTES = 64 * 1024
"""Beyond what one read from the socket brings."""

SECONDS = 30.0
"""From the connection, or the first byte of a further request, to the end of its head; and for what
still comes of a request after its answer. A connection over which no request comes is closed without a
word.
"""

RETRY_SECONDS = 5
"""What a connection beyond the most that are held is told to wait."""

UPGRADE = re.compile(rb"\r\nupgrade:", re.IGNORECASE)
IGNORED = b"\r\nIgnored:"
"""As long, so that nothing else moves."""


class BoundedHeads(HttpToolsProtocol):
    """431 for a head that is too long (RFC 6585, 5), 408 for one that does not come to its end
    (RFC 9110, 15.5.9), 400 for what is no HTTP, and 503 for a connection too many, which are those
    that reach uvicorn's `limit_concurrency`; each closes the connection.
    """

    seconds = SECONDS
    _clock: asyncio.TimerHandle | None = None
    _bytes = 0
    _begun = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        self._joined = Joined(transport, self.loop)
        super().connection_made(cast(asyncio.Transport, self._joined))
        self._begin()
        if self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency:
            self._refuse(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"The server holds {self.limit_concurrency - 1} connections, as many as "
                "server.max_connections allows: try again.",
                "busy",
            )

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self._clock
        if self._is_between():
            data = _without_upgrade(data)
        super().data_received(data)
        if self._clock is None:
            # uvicorn's own clock for idle connections stops at any byte, be it none of a request.
            if self._is_between():
                self._begin()
        elif before is self._clock and self._begun:
            self._bytes += len(data)
            if self._bytes > MOST_BYTES:
                self._refuse(
                    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                    f"The head of the request is over {MOST_BYTES // 1024} KiB.",
                    "head_too_large",
                )

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self.cycle:
            self._end()
            self._begin()
        self._begun = True

    def on_headers_complete(self) -> None:
        self._end()
        self._joined.expect()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        if not self._is_between() and not self.cycle.more_body:
            # It came behind a request that is whole, whose answer is not to be mixed with this.
            self.cycle.keep_alive = False
            return
        self._refuse(HTTPStatus.BAD_REQUEST, "This is no valid HTTP/1.1 request.", "invalid_http")

    def _is_between(self) -> bool:
        """Whether no request is under way whose head is there."""
        return not self.cycle or self.cycle.response_complete

    def _begin(self) -> None:
        self._bytes = 0
        self._clock = self.loop.call_later(self.seconds, self._late)

    def _end(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None
        self._begun = False

    def _late(self) -> None:
        if not (self._begun and self._is_between()):
            self._end()
            self.transport.close()
            return
        self._refuse(
            HTTPStatus.REQUEST_TIMEOUT,
            f"The head of the request did not come within {self.seconds:g} s.",
            "head_timeout",
        )

    def _refuse(self, status: HTTPStatus, message: str, code: str) -> None:
        self._end()
        if self.transport.is_closing():
            return
        is_busy = status is HTTPStatus.SERVICE_UNAVAILABLE
        body = encode(ErrorEnvelope(ErrorBody(message, SERVER if is_busy else REQUEST, None, code)))
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n"
            + (f"Retry-After: {RETRY_SECONDS}\r\n" if is_busy else "")
            + "\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def _without_upgrade(data: bytes) -> bytes:
    """An offer to change the protocol, as Java's clients make it with each request, may be ignored
    (RFC 9110, 7.8). httptools takes it for accepted, and drops the body.
    """
    head, end, rest = data.partition(b"\r\n\r\n")
    told = UPGRADE.sub(IGNORED, head)
    return data if told is head else told + end + rest
