"""The connection on which the `sql` source reads rows one by one."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from typing import TypeVar

from bedplate.errors import BedplateError
from bedplate.sources.sql_connection import Connection

T = TypeVar("T")

Connect = Callable[[], AbstractContextManager[Connection]]


class RowReader:
    """One connection, opened when it is needed, and anew after an error.

    Who stops waiting leaves a thread behind that still uses it; the next read has another.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._held = _Held(connect)
        self._lock = asyncio.Lock()

    async def run(self, work: Callable[[Connection], T]) -> T:
        """What `work` makes of the connection, in a thread, one work at a time."""
        async with self._lock:
            try:
                return await asyncio.to_thread(self._held.run, work)
            except asyncio.CancelledError:
                left, self._held = self._held, _Held(self._connect)
                left.leave()
                raise

    async def close(self) -> None:
        async with self._lock:
            await asyncio.to_thread(self._held.leave)


class _Held:
    """A connection with the thread that uses it; once left, whoever is last closes it."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._opened = ExitStack()
        self._connection: Connection | None = None
        self._used = threading.Lock()
        self._left = False

    def run(self, work: Callable[[Connection], T]) -> T:
        try:
            with self._used:
                return self._run(work)
        finally:
            if self._left:
                self._close_unused()

    def leave(self) -> None:
        self._left = True
        self._close_unused()

    def _run(self, work: Callable[[Connection], T]) -> T:
        if self._connection is None:
            self._connection = self._opened.enter_context(self._connect())
        try:
            return work(self._connection)
        except BedplateError:
            self._close()
            raise

    def _close_unused(self) -> None:
        # Whoever uses it looks at `_left` afterwards.
        if self._used.acquire(blocking=False):
            try:
                self._close()
            finally:
                self._used.release()

    def _close(self) -> None:
        self._connection = None
        self._opened.close()
