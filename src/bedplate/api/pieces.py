"""Events that leave together, and pieces of text that are put among them directly."""

import msgspec
from starlette.types import Send

MOST_BYTES = 16_384
"""Of events in one write: a reader that is slow is waited for."""

_encode = msgspec.json.Encoder().encode


class Gathered:
    """Events that are to leave in one write, before anybody waits for the next."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._events: list[bytes] = []
        self._size = 0

    @property
    def full(self) -> bool:
        return self._size >= MOST_BYTES

    def put(self, event: bytes) -> None:
        self._events.append(event)
        self._size += len(event)

    async def leave(self) -> None:
        if self._events:
            events, self._events, self._size = self._events, [], 0
            body = events[0] if len(events) == 1 else b"".join(events)
            await self._send({"type": "http.response.body", "body": body, "more_body": True})


class Pieces:
    """A TextSink: each piece is an event that differs from the others in its text alone."""

    def __init__(self, before: bytes, after: bytes) -> None:
        """What stands around the text, which is written as JSON."""
        self._before = before
        self._after = after
        self._gathered: Gathered | None = None

    def put_into(self, gathered: Gathered) -> None:
        """Before this nothing is taken."""
        self._gathered = gathered

    @property
    def full(self) -> bool:
        return self._gathered is not None and self._gathered.full

    def take(self, text: str) -> bool:
        if self._gathered is None:
            return False
        self._gathered.put(self._before + _encode(text) + self._after)
        return True

    async def leave(self) -> None:
        if self._gathered is not None:
            await self._gathered.leave()
