"""Work that is done to its end once it has begun."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def whole(work: Coroutine[Any, Any, T]) -> T:
    """What `work` comes to. A caller that is cancelled meanwhile is so when the work has ended."""
    # A TaskGroup would cancel what it is to protect. Whatever happens, it is waited for here.
    task = asyncio.ensure_future(work)  # noqa: TID251
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            # Who left is told nothing any more; unasked for, the loop would complain of it.
            task.exception()
        raise
