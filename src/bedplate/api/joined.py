"""The head of an answer and what follows it, in one write."""

import asyncio
from typing import Any


class Joined:
    """A transport that holds the next write after `expect` back until another comes, or the event
    loop's turn is over: the server writes head and body of an answer apart, and each write is a call
    of the system.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._expects = False
        self._held: bytes | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def expect(self) -> None:
        self._expects = True

    def write(self, data: bytes) -> None:
        if self._expects:
            self._leave()
            self._expects = False
            self._held = data
            self._loop.call_soon(self._leave)
        elif self._held is not None:
            held, self._held = self._held, None
            self._transport.writelines([held, data])
        else:
            self._transport.write(data)

    def close(self) -> None:
        """What is held is written before."""
        self._leave()
        self._transport.close()

    def _leave(self) -> None:
        held, self._held = self._held, None
        if held is not None and not self._transport.is_closing():
            self._transport.write(held)
