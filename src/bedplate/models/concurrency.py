"""A bound on a model's calls at once, and on those that wait for their turn."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from bedplate.domain.chat import ChatEvent, ChatRequest
from bedplate.errors import Busy, UpstreamTimeout
from bedplate.models.protocol import Bound, MeteredModel, whole
from bedplate.sections import ConcurrencyConfig

# Of the running mean of how long a call takes, by which callers are told when to come again.
NEWEST = 0.2
LONGEST_ADVICE = 60.0


class Queued:
    """First come, first served. `waiting` is how many calls wait now.

    Busy for a call that finds the queue full, or waits too long in it; it says when a turn can be
    expected.
    """

    steps_aside = True

    def __init__(self, name: str, model: MeteredModel, settings: ConcurrencyConfig) -> None:
        """`name` is what the model is configured as."""
        self.waiting = 0
        self._name = name
        self.inner = model
        self._settings = settings
        self._turns = asyncio.Semaphore(settings.calls)
        self._seconds = 1.0

    @property
    def name(self) -> str:
        return self.inner.name

    def bound(self, request: ChatRequest) -> Bound:
        return self.inner.bound(request)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[ChatEvent]:
        await self._take(request.deadline)
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            async with aclosing(self.inner.stream(request)) as events:
                async for event in events:
                    yield event
        finally:
            self._turns.release()
            self._seconds += NEWEST * (clock() - started - self._seconds)

    async def answer(self, request: ChatRequest) -> Sequence[ChatEvent]:
        await self._take(request.deadline)
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            return await whole(self.inner).answer(request)
        finally:
            self._turns.release()
            self._seconds += NEWEST * (clock() - started - self._seconds)

    async def _take(self, deadline: float | None) -> None:
        if not self._turns.locked():
            await self._turns.acquire()
            return
        if self.waiting >= self._settings.waiting:
            raise self._busy(f"{self.waiting} calls wait already (concurrency.waiting)")
        now = asyncio.get_running_loop().time()
        latest = now + self._settings.wait_seconds
        self.waiting += 1
        try:
            async with asyncio.timeout_at(latest if deadline is None else min(latest, deadline)):
                await self._turns.acquire()
        except TimeoutError as error:
            if deadline is not None and deadline < latest:
                raise UpstreamTimeout(
                    f"{self._name} had no turn free by the request's deadline.", provider=self.name
                ) from error
            seconds = self._settings.wait_seconds
            raise self._busy(f"no turn within {seconds:g} s (concurrency.wait_seconds)") from error
        finally:
            self.waiting -= 1

    def _busy(self, what: str) -> Busy:
        turns = (self.waiting + 1) / self._settings.calls
        return Busy(
            f"The model {self._name!r} is busy: {self._settings.calls} calls at once "
            f"(concurrency.calls), and {what}. Try again later.",
            retry_after=min(max(1.0, turns * self._seconds), LONGEST_ADVICE),
        )
