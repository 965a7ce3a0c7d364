"""What a client hears of a request while it is worked on: how far it is, and its log.

Source: modelcontextprotocol.io, "Progress" and "Logging".
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, get_args

Level = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
"""The least severe first."""

PAUSE_SECONDS = 0.2
"""Between two tellings of what goes on in small steps."""

Tell = Callable[[Mapping[str, Any]], Awaitable[None]]
"""Takes one JSON-RPC notification to the client."""


class Notices:
    """Tells only what the client asked for: progress under its token, log messages from its level.

    The log is told of one call alone, and has no words of documents or questions in it.
    """

    def __init__(self, tell: Tell, token: str | int | None, level: Level | None) -> None:
        self._tell = tell
        self._token = token
        self._level = level
        self._steps = 0
        self._told = 0.0

    async def step(self, message: str, *, of: int | None = None, small: bool = False) -> None:
        """One step more is done, of a number that may not be known. Of small ones some are told."""
        self._steps += 1
        if self._token is None or (small and time.monotonic() < self._told + PAUSE_SECONDS):
            return
        self._told = time.monotonic()
        told = {"progressToken": self._token, "progress": self._steps, "message": message}
        await self._send("progress", told if of is None else {**told, "total": of})

    async def log(self, level: Level, data: Mapping[str, Any]) -> None:
        levels = get_args(Level)
        if self._level is None or levels.index(level) < levels.index(self._level):
            return
        await self._send("message", {"level": level, "logger": "bedplate", "data": data})

    async def _send(self, name: str, params: Mapping[str, Any]) -> None:
        await self._tell({"jsonrpc": "2.0", "method": f"notifications/{name}", "params": params})
