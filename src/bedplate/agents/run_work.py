"""A leg of a run as durable work: from where the log ends until the run ends or has to wait.

The leg is one step of its job. What was done is in the run's own log, which a leg that a crash cut off
reads again; a second journal would say the same twice, and would bind a run that waits for days to
the code that it began with.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

from bedplate.agents import entries
from bedplate.agents.acting import Acting, Provenance
from bedplate.agents.asking import Humans
from bedplate.agents.delegates import Delegates, Look, StartChild, tool_name
from bedplate.agents.history import history_of
from bedplate.agents.leg import Leg
from bedplate.agents.marking import instructed
from bedplate.agents.pursuit import Pursuit, Stop, stopped
from bedplate.agents.summing import summary
from bedplate.agents.undoing import undo_all
from bedplate.chat.turn import Turn
from bedplate.domain.ids import TenantId
from bedplate.domain.runs import PARKED, Entry, Run, RunStatus
from bedplate.durable.protocol import JSON, Queue, Retry, Steps
from bedplate.errors import BedplateError, Conflict
from bedplate.journal.protocol import Change, Journal
from bedplate.tools.protocol import Tool

WORK = "run"
QUEUE = "run"
RETRY = Retry(attempts=5)
GRACE_SECONDS = 120.0
"""For what a leg does besides: writing its end, undoing, letting a call finish."""

LOOK_SECONDS = 60.0
"""After which somebody looks whether a leg that is under way still is."""

OfferTools = Callable[[str, Sequence[str]], Awaitable[Mapping[str, Tool]]]
"""The tools of these names that an assistant may call, by their names; ConfigError for others."""


def run_queue(*, at_once: int, waiting: int) -> Queue:
    return Queue(QUEUE, concurrency=64 * at_once, per_process=at_once, length=waiting)


def job_id(run: Run) -> str:
    """Of the run's present leg."""
    return f"{run.id}.{run.leg}"


def leg_seconds(run: Run) -> float:
    return run.setup.limits.seconds + GRACE_SECONDS


@dataclass(frozen=True, slots=True)
class RunParts:
    """What a run is pursued with. `start` and `look` are for the runs that it starts."""

    journal: Journal
    turn: Turn
    offer: OfferTools
    humans: Humans | None
    start: StartChild
    look: Look
    provenance: Provenance = "approve"
    repeats: int = 3


class RunWork:
    """See Work. Its argument names the run and its leg."""

    name = WORK

    def __init__(self, parts: RunParts) -> None:
        self._parts = parts

    async def run(self, steps: Steps, argument: JSON) -> JSON:
        named = cast(Mapping[str, JSON], argument)
        id, leg = str(named["run"]), int(str(named["leg"]))

        async def work() -> JSON:
            return await self._leg(steps.tenant, id, leg)

        run = await self._parts.journal.get(steps.tenant, id)
        return await steps.step("leg", work, retry=RETRY, seconds=leg_seconds(run))

    async def _leg(self, tenant: TenantId, id: str, number: int) -> JSON:
        """The status that the run came to; one that is not this leg's any more stays as it is."""
        journal = self._parts.journal
        run = await journal.get(tenant, id)
        try:
            run = await self._begin(run, number)
            leg = await self._open(run)
            try:
                tools = await self._tools(run)
            except BedplateError as error:
                return await self._end(leg, stopped(error))
            if run.status is RunStatus.CANCELLING:
                end = Stop(RunStatus.CANCELLED, "cancelled", await undo_all(leg, tools))
            else:
                end = await self._pursuit(run, tools).run(leg)
            return await self._end(leg, end)
        except Conflict:
            return "overtaken"

    async def _begin(self, run: Run, number: int) -> Run:
        look_at = datetime.now(UTC) + timedelta(seconds=LOOK_SECONDS)
        if run.status is RunStatus.CANCELLING:
            return await self._parts.journal.change(
                run.tenant, run.id, [RunStatus.CANCELLING], Change(look_at=look_at), leg=number
            )
        return await self._parts.journal.change(
            run.tenant,
            run.id,
            [RunStatus.WAITING, RunStatus.RUNNING],
            Change({"status": RunStatus.RUNNING, "reason": "", "summary": ""}, look_at),
            leg=number,
        )

    async def _open(self, run: Run) -> Leg:
        found: list[Entry] = []
        while True:
            after = found[-1].number if found else -1
            some = await self._parts.journal.entries(run.tenant, run.id, after=after)
            if not some:
                break
            found += some
        history = history_of(run, instructed(run.setup.instructions), found)
        left = max(0.0, run.setup.limits.seconds - run.used.seconds)
        if run.status is RunStatus.CANCELLING:
            left = GRACE_SECONDS
        deadline = asyncio.get_running_loop().time() + left
        return Leg(self._parts.journal, run, history, deadline, time.monotonic())

    async def _tools(self, run: Run) -> Mapping[str, Tool]:
        names = list(run.setup.tools)
        if run.status is RunStatus.CANCELLING:
            names += [name for name in run.setup.undo.values() if name not in names]
        return await self._parts.offer(run.assistant, names)

    def _pursuit(self, run: Run, tools: Mapping[str, Tool]) -> Pursuit:
        parts = self._parts
        named = {tool_name(each): each for each in run.setup.delegates}
        delegates = Delegates(named, parts.start, parts.look)
        acting = Acting(tools, parts.humans, parts.provenance)
        return Pursuit(parts.turn, acting, delegates, parts.repeats)

    async def _end(self, leg: Leg, end: Stop) -> JSON:
        run = leg.run
        text = end.message
        if end.status not in (RunStatus.SUCCEEDED, RunStatus.CANCELLED):
            text = summary(leg.history, end.message)
        look_at = None
        if end.status in PARKED:
            look_at = datetime.now(UTC)
        await self._parts.journal.change(
            run.tenant,
            run.id,
            [RunStatus.RUNNING, RunStatus.CANCELLING],
            Change(
                {
                    "status": end.status,
                    "reason": end.reason,
                    "summary": text,
                    "waits_for": end.waits_for,
                    "wanted": "",
                },
                look_at,
            ),
            entries.status(end.status, reason=end.reason, message=text),
            leg=run.leg,
        )
        if run.parent is not None and end.status.ended:
            await self._parts.journal.look(run.tenant, run.parent, datetime.now(UTC))
        return end.status
