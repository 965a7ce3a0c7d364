"""The Model Context Protocol over a program's standard input and output: one message a line.

Source: modelcontextprotocol.io, "stdio" and "Cancellation".
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from bedplate.api.mcp_failures import INTERNAL, Id, Refused
from bedplate.api.mcp_messages import Caller, Connection, Messages
from bedplate.api.mcp_reading import read_message
from bedplate.app import App, open_app
from bedplate.config import Config
from bedplate.domain.accounts import LOCAL

LONGEST_LINE = 16 * 1024 * 1024
AT_ONCE = 16
MOST_WAITING = 64
"""Requests that are read and have no place yet; further ones wait unread, and a cancel behind them."""

Write = Callable[[bytes], Awaitable[None]]


class Stdio:
    """Whoever starts the program has the rights of this machine's user."""

    def __init__(self, app: App, write: Write) -> None:
        self._messages = Messages(app)
        self._seconds = app.config.server.request_seconds
        self._write = write
        self._places = asyncio.Semaphore(AT_ONCE)
        self._room = asyncio.Semaphore(AT_ONCE + MOST_WAITING)
        self._working: dict[Id, asyncio.Task[None]] = {}
        self._connection = Connection()

    async def run(self, lines: asyncio.StreamReader) -> None:
        """Until there are no more lines; what is under way then is finished."""
        async with asyncio.TaskGroup() as tasks:
            while line := await _line(lines):
                await self._take(line, tasks)

    async def _take(self, line: bytes, tasks: asyncio.TaskGroup) -> None:
        if not line.strip():
            return
        try:
            message = read_message(line)
        except Refused as refused:
            await self._say(refused.told(None))
            return
        if message.get("method") == "notifications/cancelled":
            self._cancel(message)
            return
        await self._room.acquire()
        task = tasks.create_task(self._answer(message))
        id = message.get("id")
        if isinstance(id, Id):
            self._working[id] = task
        task.add_done_callback(lambda done: self._ended(id, done))

    def _ended(self, id: object, done: asyncio.Task[None]) -> None:
        self._room.release()
        if isinstance(id, Id) and self._working.get(id) is done:
            del self._working[id]

    def _cancel(self, message: Mapping[str, Any]) -> None:
        """Of a request that is not there any more it is too late to."""
        match message.get("params"):
            case {"requestId": str() | int() as id} if id in self._working:
                self._working[id].cancel()
            case _:
                return

    async def _answer(self, message: Mapping[str, Any]) -> None:
        deadline = asyncio.get_running_loop().time() + self._seconds
        caller = Caller(LOCAL, deadline, self._say, connection=self._connection)
        try:
            async with asyncio.timeout_at(deadline), self._places:
                reply = await self._messages.answer(message, caller)
            told = reply and reply.message
        except Refused as refused:
            told = refused.told(None)
        except TimeoutError:
            id = message.get("id")
            late = f"It was not done in {self._seconds:g} s (server.request_seconds)."
            told = Refused(INTERNAL, late).told(id if isinstance(id, Id) else None)
        if told is not None:
            await self._say(told)

    async def _say(self, message: Mapping[str, Any]) -> None:
        await self._write(json.dumps(message, ensure_ascii=False).encode() + b"\n")


async def speak(config: Config) -> None:
    """Answer on this process's standard output what comes on its input, until that ends."""
    async with open_app(config) as app:
        loop = asyncio.get_running_loop()
        lines = asyncio.StreamReader(limit=LONGEST_LINE)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        one = asyncio.Lock()

        async def write(line: bytes) -> None:
            # A reader that is slow holds up its own answers, and nothing else.
            async with one:
                await asyncio.to_thread(_write, line)

        await Stdio(app, write).run(lines)


def _write(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


async def _line(lines: asyncio.StreamReader) -> bytes:
    """Empty at the end; a line that is too long is passed over, and told as none that can be read."""
    try:
        return await lines.readline()
    except ValueError:
        return b"too long\n"
