"""An ingest as server-sent events: how far it is, and at the end its report.

The work belongs to the request: a client that leaves ends it, and what was kept by then stays.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bedplate.api.errors import envelope
from bedplate.api.schemas import Eta, IngestProgress, IngestReport
from bedplate.api.sse import MEDIA_TYPE, encode_event
from bedplate.api.streams import HEADERS
from bedplate.errors import BedplateError, Unavailable
from bedplate.ingest.report import Progress
from bedplate.pace import Meter

logger = logging.getLogger(__name__)

EVENT_SECONDS = 0.25
"""Between two events of progress; what came between them is left out."""

HEARTBEAT_SECONDS = 10.0
HEARTBEAT = b": still at work\n\n"

Work = Callable[[Callable[[Progress], None]], Awaitable[IngestReport]]


class IngestStream(Response):
    """Runs `work` and sends what it tells.

    An error before the first event, or heartbeat, is the HTTP error that it would be without a
    stream. `deadline` is on the event loop's clock.
    """

    media_type = MEDIA_TYPE

    def __init__(
        self, work: Work, *, deadline: float, heartbeat_seconds: float = HEARTBEAT_SECONDS
    ) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._work = work
        self._deadline = deadline
        self._heartbeat_seconds = heartbeat_seconds
        self._meter = Meter()
        self._latest: Progress | None = None
        self._news = asyncio.Event()
        self._started = False
        self._ended = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            report = await self._run(send)
        except BedplateError as error:
            if not self._started:
                raise
            logger.warning("stream failed", extra={"code": error.code, "error": error.message})
            last = encode_event(envelope(error))
        else:
            await self._send_progress(send)
            last = encode_event(report.model_dump(mode="json"), "report")
        await self._send(send, last)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _run(self, send: Send) -> IngestReport:
        clock = asyncio.timeout_at(self._deadline)
        try:
            async with clock, asyncio.TaskGroup() as tasks:
                work = tasks.create_task(self._finish())
                tasks.create_task(self._tell(send))
        except TimeoutError as error:
            if not clock.expired():
                raise
            raise Unavailable(
                "The work was not done in the time of a request (server.request_seconds). What was "
                "kept stays; send the rest again."
            ) from error
        except ExceptionGroup as group:
            raise group.exceptions[0] from group.exceptions[0].__cause__
        return work.result()

    async def _finish(self) -> IngestReport:
        try:
            return await self._work(self._note)
        finally:
            self._ended.set()
            self._news.set()

    def _note(self, now: Progress) -> None:
        self._meter.add(now.chunks, *now.weight)
        self._latest = now
        # Until something is kept it may yet turn out to be an error and nothing else.
        if now.documents:
            self._news.set()

    async def _tell(self, send: Send) -> None:
        while not self._ended.is_set():
            if not await _within(self._heartbeat_seconds, self._news):
                await self._send(send, HEARTBEAT)
            elif not self._ended.is_set():
                self._news.clear()
                await self._send_progress(send)
                await _within(EVENT_SECONDS, self._ended)

    async def _send_progress(self, send: Send) -> None:
        now, self._latest = self._latest, None
        if now is None or not now.documents:
            return
        reading = self._meter.read()
        event = IngestProgress(
            done=now.done,
            total=now.total,
            documents=now.documents,
            chunks=now.chunks,
            failures=now.failures,
            bytes=now.bytes,
            total_bytes=now.total_bytes,
            rate=reading.rate,
            eta_seconds=reading.left and Eta.model_validate(reading.left),
            seconds=reading.seconds,
        )
        await self._send(send, encode_event(event.model_dump(mode="json"), "progress"))

    async def _send(self, send: Send, event: bytes) -> None:
        if not self._started:
            self._started = True
            start = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **start})
        await send({"type": "http.response.body", "body": event, "more_body": True})


async def _within(seconds: float, event: asyncio.Event) -> bool:
    """Whether it was set by then."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
