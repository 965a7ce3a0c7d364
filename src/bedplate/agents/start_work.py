"""Runs that start by the clock: each turn of a schedule is a job, which starts a run once."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import cast

from bedplate.agents.run_work import QUEUE
from bedplate.agents.runs import NewRun
from bedplate.domain.accounts import Account
from bedplate.domain.ids import TenantId
from bedplate.domain.runs import Run
from bedplate.durable.protocol import JSON, Schedule, Steps

WORK = "run_start"
Start = Callable[[Account, NewRun], Awaitable[Run]]


class StartWork:
    """See Work. Its argument is the assistant and the goal; the run has the job's id."""

    name = WORK

    def __init__(self, start: Start) -> None:
        self._start = start

    async def run(self, steps: Steps, argument: JSON) -> JSON:
        given = cast(Mapping[str, str], argument)

        async def start() -> JSON:
            new = NewRun(given["assistant"], given["goal"], str(steps.job))
            return (await self._start(Account(steps.tenant), new)).id

        return await steps.step("start", start)


def run_schedule(
    name: str,
    assistant: str,
    goal: str,
    *,
    tenant: TenantId,
    cron: str | None,
    every: timedelta | None,
    timezone: str,
) -> Schedule:
    argument: Mapping[str, str] = {"assistant": assistant, "goal": goal}
    return Schedule(name, WORK, tenant, argument, cron, every, timezone, QUEUE)
