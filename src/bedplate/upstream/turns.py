"""Waiting for one's turn is not the other side's slowness: a deadline that does not count it."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

_current: ContextVar["tuple[asyncio.Timeout, float] | None"] = ContextVar("turns", default=None)
"""The deadline of the work that this is a part of, and how far it can be put off at most."""


@asynccontextmanager
async def deadline(seconds: float, *, most_waiting: float) -> AsyncGenerator[None]:
    """TimeoutError after `seconds`, to which is added what the block spends `in_line`, up to
    `most_waiting` seconds. The block may not wait in two tasks at once.
    """
    async with asyncio.timeout(seconds) as clock:
        latest = asyncio.get_running_loop().time() + seconds + most_waiting
        token = _current.set((clock, latest))
        try:
            yield
        finally:
            _current.reset(token)


@contextmanager
def in_line() -> Generator[None]:
    """Around waiting for a turn that others, or politeness, hold up."""
    current = _current.get()
    if current is None:
        yield
        return
    clock, latest = current
    now = asyncio.get_running_loop().time
    began, due = now(), clock.when() or latest
    clock.reschedule(latest)
    try:
        yield
    finally:
        if not clock.expired():
            clock.reschedule(min(due + now() - began, latest))
