"""What every process does by the clock: show that it lives, take over, start, tidy up."""

import asyncio
import logging
import time
from datetime import UTC, datetime, timedelta
from functools import partial

from bedplate.durable.again import attempt
from bedplate.durable.jobs import Jobs
from bedplate.durable.places import Nodes
from bedplate.durable.protocol import Schedule
from bedplate.durable.schedules import Clock

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
PRUNE_SECONDS = 600.0


class Watch:
    """No process is chosen to do it: whatever is done is done once in the database anyway."""

    def __init__(
        self,
        jobs: Jobs,
        nodes: Nodes,
        clock: Clock,
        *,
        beat_seconds: float,
        keep: timedelta,
    ) -> None:
        self._jobs = jobs
        self._nodes = nodes
        self._clock = clock
        self._beat_seconds = beat_seconds
        self._keep = keep
        self._owners: set[str] | None = None

    async def run(self) -> None:
        next_beat = next_prune = time.monotonic()
        while True:
            now = time.monotonic()
            if now >= next_beat:
                next_beat = now + self._beat_seconds
                await attempt("beat", self._nodes.beat)
                await attempt("take over", self.take_over)
            await self.start_due()
            if now >= next_prune:
                next_prune = now + PRUNE_SECONDS
                await attempt("prune", self.prune)
            await asyncio.sleep(min(TICK_SECONDS, self._beat_seconds))

    async def take_over(self) -> None:
        """Give the work of dead processes back to the queues."""
        if self._owners is None:
            # Once: of processes that joined since, the nodes know themselves.
            self._owners = await self._jobs.owners()
        for node in await self._nodes.dead(self._owners):
            if await self._jobs.take_over(node):
                await self._nodes.bury(node)
                self._owners.discard(node)

    async def start_due(self) -> None:
        """Start what is due; one that cannot be started, as its queue is full, holds up no other."""
        for schedule, due in self._clock.due(datetime.now(UTC)):
            await attempt(f"start {schedule.name}", partial(self._start, schedule, due))

    async def _start(self, schedule: Schedule, due: datetime) -> None:
        await self._jobs.start(
            schedule.work,
            schedule.argument,
            tenant=schedule.tenant,
            id=f"{schedule.name}@{due:%Y-%m-%dT%H:%M:%SZ}",
            queue=schedule.queue,
        )
        self._clock.fired(schedule, due)

    async def prune(self) -> None:
        deleted = 0
        while count := await self._jobs.prune(self._keep):
            deleted += count
        if deleted:
            logger.info("old jobs deleted", extra={"jobs": deleted})
