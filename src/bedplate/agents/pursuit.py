"""The loop: the model says what to do, it is done, and so on, until the goal or a bound is reached."""

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass

from bedplate.agents.acting import Acting
from bedplate.agents.compacting import fit
from bedplate.agents.delegates import Delegates
from bedplate.agents.history import CallState
from bedplate.agents.leg import Leg, out_of_time
from bedplate.agents.loops import circle
from bedplate.agents.reading import read_together, readings
from bedplate.agents.thinking import think
from bedplate.chat.turn import Turn
from bedplate.domain.runs import RunStatus
from bedplate.errors import (
    BedplateError,
    BudgetExceeded,
    RateLimited,
    StorageError,
    Unavailable,
    UpstreamError,
)
from bedplate.journal.protocol import Overtaken

logger = logging.getLogger(__name__)

ATTEMPTS = 4
"""Of a model step whose error may pass, before the run stops; it can be resumed."""

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a leg is over: `reason` is a code, `message` what a person is told of it."""

    status: RunStatus
    reason: str = ""
    message: str = ""
    waits_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pursuit:
    """`repeats` is how often the same call, or the same two in turn, make a circle."""

    turn: Turn
    acting: Acting
    delegates: Delegates
    repeats: int = 3

    async def run(self, leg: Leg) -> Stop:
        """Go on until the run ends or has to wait.

        Raises:
            Overtaken: somebody stopped the run, or goes on with it.
            StorageError, Unavailable: the log cannot be written; where it ends, it goes on later.
        """
        try:
            async with asyncio.timeout_at(leg.deadline):
                return await self._run(leg)
        except TimeoutError:
            if asyncio.get_running_loop().time() < leg.deadline:
                raise
            return stopped(out_of_time(leg.run))
        except (Overtaken, StorageError):
            raise
        except BedplateError as error:
            return stopped(error)

    async def _run(self, leg: Leg) -> Stop:
        while True:
            if waiting := await self._act_all(leg):
                return self._wait(waiting)
            if leg.history.answer is not None:
                reason = "length" if leg.history.finish == "length" else ""
                return Stop(RunStatus.SUCCEEDED, reason, leg.history.answer)
            calls = leg.history.finished[leg.history.since :]
            found = circle(calls, repeats=self.repeats)
            if found is not None:
                return Stop(RunStatus.LOOPING, found, CIRCLES[found])
            if leg.run.wanted == "pause":
                return Stop(RunStatus.PAUSED, "", "It was paused.")
            await self._think(leg)

    async def _act_all(self, leg: Leg) -> list[CallState]:
        """Bring every open call forward; those that have to wait for a human or a run."""
        waiting: list[CallState] = []
        calls = leg.history.open
        while calls:
            together = readings(leg, self.acting.tools, calls)
            if len(together) > 1:
                with suppress(BudgetExceeded):
                    # Where not all may be made, those that still may are, one by one.
                    await read_together(leg, together)
                    calls = calls[len(together) :]
                    continue
            if not await self._act(leg, calls[0]):
                waiting.append(calls[0])
            calls = calls[1:]
        return waiting

    async def _act(self, leg: Leg, call: CallState) -> bool:
        if call.request.name in self.delegates.assistants:
            return await self.delegates.act(leg, call)
        return await self.acting.act(leg, call)

    def _wait(self, calls: list[CallState]) -> Stop:
        reviews = tuple(c.asked["review"] for c in calls if c.asked is not None)
        if reviews:
            return Stop(RunStatus.WAITING_APPROVAL, "approval", waits_for=reviews)
        return Stop(RunStatus.WAITING_RUN, "run", waits_for=tuple(c.child or "" for c in calls))

    async def _think(self, leg: Leg) -> None:
        specs = [tool.spec for tool in self.acting.tools.values()]
        offered = [*specs, *self.delegates.specs]
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await fit(leg, self.turn, offered)
                await think(leg, self.turn, offered)
            except (UpstreamError, Unavailable, RateLimited, BudgetExceeded) as error:
                if attempt == ATTEMPTS or not error.retryable or not _may_pass(error):
                    raise
                advised = getattr(error, "retry_after", None)
                pause = min(advised or FIRST_PAUSE * 2**attempt, LONGEST_PAUSE)
                logger.info(
                    "a model step is tried again",
                    extra={"run": leg.run.id, "code": error.code, "pause": pause},
                )
                await asyncio.sleep(min(pause, leg.left()))
            else:
                return


CIRCLES = {
    "same_call": "The same call was made again and again, with the same result.",
    "alternating": "The same two calls were made in turn, with the same results.",
    "no_new_information": "The latest calls brought nothing that was not known before.",
}


def stopped(error: BedplateError) -> Stop:
    """A run that an error ended: a bound that was reached, or a failure."""
    if isinstance(error, BudgetExceeded):
        return Stop(RunStatus.OUT_OF_BUDGET, error.budget, error.message)
    return Stop(RunStatus.FAILED, error.code, error.message)


def _may_pass(error: BedplateError) -> bool:
    return not isinstance(error, BudgetExceeded) or error.held
