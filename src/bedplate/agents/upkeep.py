"""What is seen to by the clock: parked runs go on, lost ones are found, old ones are forgotten."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from bedplate.agents.asking import Humans
from bedplate.agents.run_work import LOOK_SECONDS, job_id
from bedplate.agents.runs import Runs
from bedplate.agents.starting import soon
from bedplate.domain.runs import Run, RunStatus
from bedplate.durable.again import again
from bedplate.durable.protocol import Durable, WorkId
from bedplate.errors import BedplateError, Conflict, NotFound
from bedplate.journal.protocol import Change, Journal

logger = logging.getLogger(__name__)

TICK_SECONDS = 1.0
AT_ONCE = 200
LONGEST_LOOK = 30.0
"""Between two looks at a run that has waited for long; it begins with a second."""

FORGET_SECONDS = 3_600.0


class RunUpkeep:
    """Every process does it; each change is conditional, so that nothing is done twice."""

    def __init__(
        self,
        journal: Journal,
        durable: Durable,
        runs: Runs,
        humans: Humans | None,
        *,
        keep: timedelta,
        most: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._journal = journal
        self._durable = durable
        self._runs = runs
        self._humans = humans
        self._keep = keep
        self._most = most
        self._clock = clock

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(again("runs", self.look, TICK_SECONDS))
            tasks.create_task(again("old runs", self.forget, FORGET_SECONDS))

    async def look(self) -> None:
        """At each run whose time it is; one that cannot be looked at holds up no other."""
        for run in await self._journal.due(self._clock(), AT_ONCE):
            try:
                await self.look_at(run)
            except BedplateError as error:
                logger.warning(
                    "to be tried again",
                    extra={
                        "what": "run",
                        "run": run.id,
                        "code": error.code,
                        "error": error.message,
                    },
                )
                await self._journal.look(run.tenant, run.id, soon())

    async def forget(self) -> None:
        gone = await self._journal.forget(self._clock() - self._keep, most=self._most)
        if gone:
            logger.info("old runs deleted", extra={"runs": gone})

    async def look_at(self, run: Run) -> None:
        """Have it go on where it may; else say when it is to be looked at next."""
        match run.status:
            case RunStatus.WAITING | RunStatus.RUNNING | RunStatus.CANCELLING:
                await self._find(run)
            case RunStatus.WAITING_APPROVAL | RunStatus.WAITING_RUN:
                if await self._may_go_on(run):
                    with suppress(Conflict):
                        await self._runs.wake(run)
                else:
                    waited = (self._clock() - (run.touched_at or run.created_at)).total_seconds()
                    pause = min(LONGEST_LOOK, max(1.0, waited))
                    await self._journal.look(run.tenant, run.id, soon(pause))
            case _:
                await self._journal.look(run.tenant, run.id, None)

    async def _may_go_on(self, run: Run) -> bool:
        if run.status is RunStatus.WAITING_RUN:
            ended = [await self._ended(run, id) for id in run.waits_for]
            return any(ended)
        if self._humans is None:
            return False
        for id in run.waits_for:
            review = await self._humans.reviews.get(id, tenant=run.tenant)
            if review.decision is not None:
                return True
        return False

    async def _ended(self, run: Run, id: str) -> bool:
        try:
            return (await self._journal.get(run.tenant, id)).status.ended
        except NotFound:
            # It is made by the parent's next leg, or refused there.
            return True

    async def _find(self, run: Run) -> None:
        """A leg without a job is given one; one whose job ended without a word has failed."""
        await self._runs.restart(run)
        job = await self._durable.get(WorkId(job_id(run)), tenant=run.tenant)
        if not job.state.ended:
            await self._journal.look(run.tenant, run.id, soon(LOOK_SECONDS))
            return
        code = job.failure.code if job.failure else str(job.state)
        why = job.failure.message if job.failure else "It was taken up too often, or took too long."
        with suppress(Conflict):
            to = RunStatus.CANCELLED if run.status is RunStatus.CANCELLING else RunStatus.FAILED
            await self._journal.change(
                run.tenant,
                run.id,
                [run.status],
                Change({"status": to, "reason": code, "summary": why}),
                leg=run.leg,
            )
            logger.error("a run was lost", extra={"run": run.id, "code": code, "state": job.state})
