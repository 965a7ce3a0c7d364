"""Server-sent events as an answer: an HTTP error before the first event, an event after it."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from bedplate.api.errors import envelope
from bedplate.api.pieces import Gathered, Pieces
from bedplate.api.sse import MEDIA_TYPE, encode_event
from bedplate.api.waiting import BeforeWaiting
from bedplate.errors import BedplateError, Unavailable

logger = logging.getLogger(__name__)

STOPS = "The server stops: what came so far is not all. Ask again."

HEADERS = {
    "Cache-Control": "no-cache",
    # nginx would hold events back until its buffer is full.
    "X-Accel-Buffering": "no",
}


def _event(error: BedplateError) -> bytes:
    return encode_event(envelope(error))


class EventStream(Response):
    """Sends encoded events as they come; those that come at once, together. The generator is closed however sending ends.

    `tell` gives the event by which a client learns that the stream failed. `pieces` are put among the
    events.
    """

    media_type = MEDIA_TYPE

    def __init__(
        self,
        first: bytes,
        rest: AsyncGenerator[bytes],
        tell: Callable[[BedplateError], bytes] = _event,
        pieces: Pieces | None = None,
    ) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._first = first
        self._rest = rest
        self._tell = tell
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._rest) as rest:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            await _send_part(send, self._first)
            await self._send_rest(rest, send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_rest(self, rest: AsyncGenerator[bytes], send: Send) -> None:
        gathered = Gathered(send)
        if self._pieces is not None:
            self._pieces.put_into(gathered)
        try:
            while (event := await BeforeWaiting(anext(rest, None), gathered.leave)) is not None:
                gathered.put(event)
                if gathered.full:
                    await gathered.leave()
            await gathered.leave()
        except BedplateError as error:
            logger.warning("stream failed", extra={"code": error.code, "error": error.message})
            await gathered.leave()
            await _send_part(send, self._tell(error))
        except asyncio.CancelledError:
            # Only a server that stops cancels this task, and it waits for no reader that is slow.
            _send_now(send, self._tell(Unavailable(STOPS)))
            raise


async def open_stream(
    events: AsyncGenerator[bytes],
    tell: Callable[[BedplateError], bytes] = _event,
    pieces: Pieces | None = None,
) -> EventStream:
    """Wait for the first event, so that what goes wrong before it is raised from here."""
    return EventStream(await anext(events), events, tell, pieces)


async def _send_part(send: Send, event: bytes) -> None:
    await send({"type": "http.response.body", "body": event, "more_body": True})


def _send_now(send: Send, event: bytes) -> None:
    """As far as it needs no wait."""
    step: Any = _send_part(send, event)
    try:
        step.send(None)
    except StopIteration:
        return
    step.close()
