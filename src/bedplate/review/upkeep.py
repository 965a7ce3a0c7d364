"""What no reviewer does: reviews that are due, webhooks, and what is old enough to be forgotten."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bedplate.domain.reviews import Delivery
from bedplate.durable.again import again
from bedplate.review.queue import EXPIRED, ReviewQueue, utc_now
from bedplate.review.webhooks import Webhooks
from bedplate.reviews.protocol import Reviews, WaitingCall

SWEEP_SECONDS = 1.0
FORGET_SECONDS = 3_600.0
AT_ONCE = 16
"""Webhooks that are called together."""

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(hours=1)
GROWTH = 4
LEASE = timedelta(seconds=60)
"""Beyond the time of a call: so late another process takes up one that nobody finished."""


@dataclass(frozen=True, slots=True)
class UpkeepOptions:
    """`attempts` is how often a webhook is called in all, each at most `call_seconds` long."""

    keep_days: float
    attempts: int
    call_seconds: float


class ReviewUpkeep:
    """Sweeps, again and again. Any number of processes may."""

    def __init__(
        self,
        queue: ReviewQueue,
        reviews: Reviews,
        webhooks: Webhooks,
        options: UpkeepOptions,
        *,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._queue = queue
        self._reviews = reviews
        self._webhooks = webhooks
        self._options = options
        self._clock = clock

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(again("reviews", self.sweep, SWEEP_SECONDS))
            tasks.create_task(again("old reviews", self.forget, FORGET_SECONDS))

    async def sweep(self) -> None:
        """Let what is due be decided, then tell decisions to webhooks."""
        while len(await self._queue.expire()) == EXPIRED:
            pass
        now = self._clock()
        lease = now + timedelta(seconds=self._options.call_seconds) + LEASE
        calls = await self._reviews.upkeep.calls(now, again_at=lease, limit=AT_ONCE)
        await asyncio.gather(*map(self._call, calls))

    async def forget(self) -> int:
        """How many were decided longer ago than they are kept, and are gone."""
        return await self._reviews.upkeep.forget(
            self._clock() - timedelta(days=self._options.keep_days)
        )

    async def _call(self, call: WaitingCall) -> None:
        now = self._clock()
        told = await self._webhooks.tell(call.review, now)
        delivery: Delivery = "waiting"
        if told == "told":
            delivery = "delivered"
        elif told == "never" or call.attempt >= self._options.attempts:
            delivery = "failed"
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * GROWTH ** min(call.attempt - 1, 10))
        tenant, id = call.review.request.tenant, call.review.id
        await self._reviews.upkeep.called(tenant, id, delivery, again_at=now + pause)
