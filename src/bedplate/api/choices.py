"""Several streams told as one, each event as soon as it is there."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TypeVar

T = TypeVar("T")

HELD = 16
"""How many events of all streams may wait for a slow reader."""


def side_by_side(streams: Sequence[AsyncGenerator[T]]) -> AsyncGenerator[T]:
    """The streams' events; the first error ends them all, as closing this does."""
    return streams[0] if len(streams) == 1 else _merged(streams)


async def _merged(streams: Sequence[AsyncGenerator[T]]) -> AsyncGenerator[T]:
    told: asyncio.Queue[T | Exception | None] = asyncio.Queue(HELD)
    # A TaskGroup must not span a yield: it would cancel whoever reads, and wrap a closing in a group.
    tasks = [asyncio.create_task(_tell(stream, told)) for stream in streams]  # noqa: TID251
    try:
        for _ in streams:
            while (event := await told.get()) is not None:
                if isinstance(event, Exception):
                    raise event
                yield event
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _tell(stream: AsyncGenerator[T], told: "asyncio.Queue[T | Exception | None]") -> None:
    try:
        async with aclosing(stream) as events:
            async for event in events:
                await told.put(event)
    except Exception as error:  # noqa: BLE001 - whoever reads would wait for ever
        await told.put(error)
    else:
        await told.put(None)
