"""One connection to a server, which carries one exchange of HTTP/1.1 after the other.

An answer's body is handed on from the event loop's own callback, without a switch to a task: of a
stream of small packets that switch is most of the cost.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextvars import copy_context
from functools import partial
from typing import cast

import httptools

from bedplate.upstream.http_errors import Disconnected, HttpError, NotHttp

MOST_AROUND_BODY = 64 * 1024
"""Bytes of a head, or of what else is no body, that may come without any body between."""

MOST_HELD = 256 * 1024
"""Bytes of a body that wait for their reader before the server is made to wait."""

Take = Callable[[bytes], bool]
"""Takes one read of a body; False where no more is wanted for now."""


class Headers(Mapping[str, str]):
    """By name in any case; of several by one name the first counts."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def add(self, name: bytes, value: bytes) -> None:
        self._values.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Answer:
    """What a server answers: its head first, then the body read by read.

    Errors: HttpError where the connection breaks before the end.
    """

    def __init__(self, connection: "Connection") -> None:
        self.status = 0
        self.headers = Headers()
        self._connection = connection
        # As aiohttp and browsers read answers: servers of models are written in a day.
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(
            lenient_headers=True,
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
        )
        self._around = 0
        self._parts: list[bytes] = []
        self._complete = self._reusable = False
        self._failed: HttpError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._take: Take | None = None

    @property
    def content_type(self) -> str:
        """The media type alone, in small letters; empty where none is told."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def reusable(self) -> bool:
        """Whether all of it came, and its connection can carry another."""
        return self._reusable

    @property
    def complete(self) -> bool:
        """Whether all of it came, read or not."""
        return self._complete

    @property
    def read_out(self) -> bool:
        """Whether all of it came and was read."""
        return self._complete and not self._parts

    @property
    def held(self) -> int:
        """Bytes of the body that came and were not read."""
        return sum(map(len, self._parts)) if self._parts else 0

    async def head(self) -> None:
        """Return once status and headers are there."""
        while not self.status:
            await self._wait()

    async def read(self) -> bytes:
        """What came since the last read, at least a byte; empty at the end of the body."""
        while not (self._parts or self._complete):
            await self._wait()
        return self._taken()

    async def pour(self, take: Take) -> None:
        """Give `take` each read when it comes, until it returns False or the body is at its end.

        `take` is called by the event loop, outside of any task but in this one's context, and must
        not wait. What it raises is raised here.
        """
        if self._parts and not take(self._taken()):
            return
        if self._complete:
            return
        self._take = partial(copy_context().run, take)
        try:
            await self._wait()
        finally:
            self._take = None

    def close(self) -> None:
        """Needed once. The connection serves the next exchange if this one has come to its end."""
        self._connection.finish(self)

    def feed(self, data: bytes) -> None:
        """What the connection brings; a NotHttp fails the answer."""
        known = len(self._parts)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.fail(NotHttp())
            return
        if len(self._parts) == known:
            self._around += len(data)
            if self._around > MOST_AROUND_BODY:
                self.fail(NotHttp())
                return
        else:
            self._around = 0
        if self._take is None or not self._parts:
            self._wake()
            return
        try:
            if self._take(self._taken()) and not self._complete:
                return
        except Exception as error:  # noqa: BLE001 - raised where `pour` is awaited
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_exception(error)
        self._take = None
        self._wake()

    def cut(self, *, cleanly: bool) -> None:
        """No more comes."""
        sized = "content-length" in self.headers or "transfer-encoding" in self.headers
        if self._complete:
            return
        if self.status and cleanly and not sized:
            # Such a body ends with its connection (RFC 9112, 6.3).
            self._complete = True
            self._wake()
        else:
            self.fail(Disconnected())

    def fail(self, error: HttpError) -> None:
        self._failed = self._failed or error
        self._wake()

    @property
    def failed(self) -> bool:
        return self._failed is not None

    # httptools

    def on_header(self, name: bytes, value: bytes) -> None:
        # Behind a body come trailers, which say nothing here.
        if not self.status:
            self.headers.add(name, value)

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200:
            self.status = status

    def on_body(self, body: bytes) -> None:
        if not self._complete:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        if self._complete:
            return
        if self.status:
            # The parser forgets it behind the message.
            self._reusable = self._parser.should_keep_alive()
            self._complete = True
        else:
            # A 1xx goes ahead of the answer (RFC 9110, 15.2).
            self.headers = Headers()

    def on_message_begin(self) -> None:
        # What comes behind an answer was not asked for.
        self._reusable = False

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self) -> None:
        if self._failed is not None:
            raise self._failed
        waiter = self._waiter = self._connection.loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    def _taken(self) -> bytes:
        parts, self._parts = self._parts, []
        if self._connection.paused:
            self._connection.read_on()
        return parts[0] if len(parts) == 1 else b"".join(parts)


class Connection(asyncio.Protocol):
    """`closed` is told when it has ended, `free` when it may carry the next exchange."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        free: Callable[["Connection"], None],
        closed: Callable[["Connection"], None],
    ) -> None:
        self.loop = loop
        self.paused = False
        self._free = free
        self._closed = closed
        self._transport: asyncio.Transport | None = None
        self._answer: Answer | None = None

    def ask(self, request: bytes) -> Answer:
        """Send a whole request; the answer to it has not begun."""
        if self._transport is None:
            raise Disconnected
        answer = self._answer = Answer(self)
        self._transport.write(request)
        return answer

    def finish(self, answer: Answer) -> None:
        """Nobody waits for more of `answer`."""
        if answer is not self._answer or self._transport is None:
            return
        self._answer = None
        if answer.reusable and not self._transport.get_write_buffer_size():
            if self.paused:
                self.read_on()
            self._free(self)
        else:
            self.drop()

    def drop(self) -> None:
        """Close it now, without sending what may still wait to be sent."""
        if self._transport is not None:
            self._transport.abort()

    def read_on(self) -> None:
        self.paused = False
        if self._transport is not None:
            self._transport.resume_reading()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is one without being of the class.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.cut(cleanly=exc is None)
        self._closed(self)

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        if answer is None:
            # Nothing was asked: it would be taken for the next answer.
            self.drop()
            return
        answer.feed(data)
        if answer.failed:
            self.drop()
        elif answer.held > MOST_HELD and not self.paused:
            self.paused = True
            if self._transport is not None:
                self._transport.pause_reading()
