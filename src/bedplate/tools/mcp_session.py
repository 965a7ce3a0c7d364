"""A session with an MCP server, opened when it is first needed, and again after it was lost.

A task of its own opens and closes it, as the client's scopes must be left by the task that entered
them, and calls come from many.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import cast

from mcp import Client

from bedplate.errors import Unavailable

logger = logging.getLogger(__name__)

OPEN_SECONDS = 30.0


class Session:
    """`place` names the server in messages."""

    def __init__(
        self, place: str, connect: Callable[[], AbstractAsyncContextManager[Client]]
    ) -> None:
        self._place = place
        self._connect = connect
        self._wanted = asyncio.Event()
        self._lost = asyncio.Event()
        self._opening: asyncio.Future[Client] | None = None

    async def client(self) -> Client:
        """Unavailable where the server cannot be reached, or does not speak MCP."""
        opening = self._opening
        if opening is None:
            opening = self._opening = asyncio.get_running_loop().create_future()
            self._wanted.set()
        return await asyncio.shield(opening)

    def lose(self, client: Client) -> None:
        """It does not work any more: the next call opens another."""
        opening = self._opening
        if opening is not None and opening.done() and opening.result() is client:
            self._opening = None
            self._lost.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            self._lost.clear()
            opening = self._opening
            if opening is None:
                continue
            try:
                await self._hold(opening)
            except Exception as error:  # noqa: BLE001 - the client raises groups of whatever its tasks raised
                if opening.done():
                    logger.warning("an MCP session ended", extra={"place": self._place})
                else:
                    opening.set_exception(Unavailable(f"{self._place}: {_said(error)}"))
                    # Whoever waited may have left.
                    opening.exception()
            finally:
                if self._opening is opening:
                    self._opening = None
                if not opening.done():
                    opening.cancel()

    async def _hold(self, opening: asyncio.Future[Client]) -> None:
        connection = self._connect()
        async with asyncio.timeout(OPEN_SECONDS):
            client = await connection.__aenter__()
        try:
            opening.set_result(client)
            await self._lost.wait()
        finally:
            await connection.__aexit__(None, None, None)


@asynccontextmanager
async def open_session(
    place: str, connect: Callable[[], AbstractAsyncContextManager[Client]]
) -> AsyncGenerator[Session]:
    session = Session(place, connect)
    # A TaskGroup would wrap what the block raises.
    running = asyncio.get_running_loop().create_task(session.run())
    try:
        yield session
    finally:
        running.cancel()
        await asyncio.wait([running])


def _said(error: BaseException) -> str:
    """The first thing that went wrong, in its own words."""
    first: BaseException = error
    while isinstance(first, BaseExceptionGroup):
        first = cast(BaseExceptionGroup[BaseException], first).exceptions[0]
    if isinstance(first, TimeoutError):
        return f"it did not answer within {OPEN_SECONDS:g} s."
    return f"{str(first).rstrip('.') or type(first).__name__}."
