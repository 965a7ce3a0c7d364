"""Events that leave together, and pieces of text that are put among them directly."""

from collections.abc import Generator, Sequence
from typing import Any

import msgspec
from starlette.types import Message, Send

MOST_BYTES = 16_384
"""Of events in one write: a reader that is slow is waited for."""

_encode = msgspec.json.Encoder().encode


class Gathered:
    """Events that are to leave in one write, before anybody waits for the next.

    `send` is a server's: a coroutine that waits for nothing but a client that is slow.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._events: list[bytes] = []
        self._size = 0
        self._under_way: _Begun | None = None
        self._leaving = False

    @property
    def full(self) -> bool:
        return self._size >= MOST_BYTES

    def put(self, event: bytes) -> None:
        self._events.append(event)
        self._size += len(event)

    def flush(self) -> bool:
        """Write what was put; False where the reader has to be waited for, by `leave`."""
        if self._leaving or self._under_way is not None:
            return False
        if not self._events:
            return True
        step: Any = self._send(self._message()).__await__()
        try:
            future = next(step)
        except StopIteration:
            return True
        self._under_way = _Begun(step, future)
        return False

    async def leave(self) -> None:
        """Write what was put, once the reader takes it."""
        self._leaving = True
        try:
            if self._under_way is not None:
                begun, self._under_way = self._under_way, None
                await begun
            if self._events:
                await self._send(self._message())
        finally:
            self._leaving = False

    def _message(self) -> Message:
        events, self._events, self._size = self._events, [], 0
        body = events[0] if len(events) == 1 else b"".join(events)
        return {"type": "http.response.body", "body": body, "more_body": True}


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

    def take(self, texts: Sequence[str]) -> bool:
        gathered = self._gathered
        if gathered is None:
            return False
        for text in texts:
            gathered.put(self._before + _encode(text) + self._after)
        return True

    def flush(self) -> bool:
        return self._gathered is None or self._gathered.flush()

    async def leave(self) -> None:
        if self._gathered is not None:
            await self._gathered.leave()


class _Begun:
    """A step that was run up to its first wait, for a task to bring to its end."""

    def __init__(self, step: Any, future: Any) -> None:
        self._step = step
        self._future = future

    def __await__(self) -> Generator[Any, Any, None]:
        # What it waits for has been told to nobody yet: this task waits for it in its place.
        future = self._future
        try:
            while True:
                try:
                    sent = yield future
                except BaseException as error:  # noqa: BLE001 - handed to the step, which raises it on
                    future = self._step.throw(error)
                else:
                    future = self._step.send(sent)
        except StopIteration:
            return
