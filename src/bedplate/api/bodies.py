"""The layer that reads a request's body whole, within its limit, and bounds the work in time.

Work ends with its client: when that goes, the work is cancelled, and with it any upstream call.
"""

import asyncio
from collections.abc import Awaitable
from typing import cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bedplate.api.departure import Departure
from bedplate.api.errors import SERVER, refuse
from bedplate.api.headers import header_of
from bedplate.errors import InvalidInput, TooLarge, Unavailable

HELD_BODIES = 4
"""How many bodies of the largest size may lie in memory together."""

OVERTIME_SECONDS = 1.0
"""Between the deadline that flows are told and the end, so that theirs is the error sent."""

REQUEST_TIMEOUT, GATEWAY_TIMEOUT = 408, 504


class Bodies:
    """Hands on a request with its body read, and its deadline as `scope["state"]["deadline"]`.

    The deadline is on the event loop's clock. Sizes in bytes, times in seconds.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int, seconds: float) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._seconds = seconds
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        deadline = asyncio.get_running_loop().time() + self._seconds
        request = _Request(scope, receive, send)
        clock = asyncio.timeout_at(deadline + OVERTIME_SECONDS)
        room = _Room(self)
        try:
            async with clock:
                if await self._read(request, room):
                    scope.setdefault("state", {})["deadline"] = deadline
                    await request.work(self._app)
        except TimeoutError:
            if not clock.expired():
                raise
            if not request.started:
                await self._late(request)
        finally:
            self._held -= room.size

    async def _read(self, request: "_Request", room: "_Room") -> bool:
        """Whether the whole body came; False when the client left meanwhile."""
        declared = request.content_length()
        self._check(declared)
        room.take(declared)
        received = 0
        while True:
            message = await request.receive()
            if message["type"] == "http.disconnect":
                return False
            part = cast(bytes, message.get("body", b""))
            received += len(part)
            self._check(received)
            room.take(received)
            request.body += part
            if not message.get("more_body", False):
                request.complete = True
                return True

    def _check(self, size: int) -> None:
        if size > self._max_bytes:
            raise TooLarge(
                f"The body has {size:,} bytes or more; server.max_body_bytes allows "
                f"{self._max_bytes:,}."
            )

    def hold(self, more: int) -> None:
        """Count memory for bodies; Unavailable when too many large ones are here at once."""
        if more and self._held + more > HELD_BODIES * self._max_bytes:
            raise Unavailable("Too many large bodies are being worked on: try again.")
        self._held += more

    async def _late(self, request: "_Request") -> None:
        if request.complete:
            message = f"The work was not done in {self._seconds:g} s (server.request_seconds)."
            late = refuse(GATEWAY_TIMEOUT, message, code="request_timeout", type=SERVER)
        else:
            message = f"The body did not arrive in {self._seconds:g} s (server.request_seconds)."
            late = refuse(REQUEST_TIMEOUT, message, code="request_timeout")
        await late(request.scope, request.receive, request.send)


class _Room:
    """The memory one request's body takes."""

    def __init__(self, bodies: Bodies) -> None:
        self._bodies = bodies
        self.size = 0

    def take(self, size: int) -> None:
        if size > self.size:
            self._bodies.hold(size - self.size)
            self.size = size


class _Request:
    """One request: its body, and what is known of its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self.body = bytearray()
        self.complete = False
        self.started = False
        self._departure = Departure(receive)
        self._send = send
        self._handed_on = False

    def content_length(self) -> int:
        declared = header_of(self.scope, b"content-length")
        if declared is None:
            return 0
        if not (declared.isascii() and declared.isdigit()):
            raise InvalidInput(f"The Content-Length header is {declared!r}: it must be a number.")
        return int(declared)

    async def work(self, app: ASGIApp) -> None:
        """Let `app` answer, for as long as the client is there."""
        with self._departure:
            await app(self.scope, self._replay, self.send)

    async def _replay(self) -> Message:
        if not self._handed_on:
            self._handed_on = True
            body, self.body = bytes(self.body), bytearray()
            return {"type": "http.request", "body": body, "more_body": False}
        await self._departure.gone.wait()
        return {"type": "http.disconnect"}

    def send(self, message: Message) -> Awaitable[None]:
        self.started = True
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            self._departure.answered = True
        return self._send(message)


def deadline_of(scope: Scope) -> float:
    """When the client of this request stops waiting, on the event loop's clock."""
    return cast(float, scope["state"]["deadline"])
