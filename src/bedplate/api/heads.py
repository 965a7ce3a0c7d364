"""Request heads within bounds of size and time, which uvicorn's parser does not set."""

import asyncio
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bedplate.api.errors import REQUEST
from bedplate.api.wire import ErrorBody, ErrorEnvelope, encode

MOST_BYTES = 64 * 1024
"""Beyond what one read from the socket brings."""

SECONDS = 30.0
"""From the connection, or the first byte of a further request, to the end of its head. A connection
over which nothing came is closed without a word.
"""


class BoundedHeads(HttpToolsProtocol):
    """431 for a head that is too long (RFC 6585, 5) and 408 for one that does not come to its end
    (RFC 9110, 15.5.9); either closes the connection.
    """

    seconds = SECONDS
    _clock: asyncio.TimerHandle | None = None
    _bytes = 0
    _begun = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before = self._clock
        super().data_received(data)
        if before is not None and before is self._clock:
            self._bytes += len(data)
            if self._bytes > MOST_BYTES:
                self._refuse(
                    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                    f"The head of the request is over {MOST_BYTES // 1024} KiB.",
                    "head_too_large",
                )

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begun = True
        if self._clock is None:
            self._begin()

    def on_headers_complete(self) -> None:
        self._end()
        super().on_headers_complete()

    def _begin(self) -> None:
        self._bytes = 0
        self._clock = self.loop.call_later(self.seconds, self._late)

    def _end(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _late(self) -> None:
        if not self._begun:
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
        body = encode(ErrorEnvelope(ErrorBody(message, REQUEST, None, code)))
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
